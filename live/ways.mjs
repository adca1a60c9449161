import { existsSync } from 'node:fs';

/** The token that Cloud Hosting mounts. */
const MOUNTED_TOKEN = '/.tencentcloudbase/wx/cloudbase_access_token';
/** The public name of WeChat's API; inside a container it is the sidecar. */
const SIDECAR_URL = 'http://api.weixin.qq.com';

/**
 * Finds the ways to the storage that variables of the environment allow.
 * @returns `ways`: each with a name and the options of the module; `skipped`: the names of the
 * others, with the variables that they need
 */
export function findWays(variables) {
  const read = name => variables[name] || undefined;
  const env = read('WX_ENV_ID') ?? read('CBR_ENV_ID');
  const apiBaseUrl = read('WX_API_BASE_URL');
  const common = { env, retry: { attempts: 3 } };
  const secret = findSecret(read);
  const sidecarUrl =
    read('WX_LIVE_SIDECAR_URL') ?? (read('WX_LIVE_SIDECAR') === '1' ? SIDECAR_URL : undefined);
  const sidecar = sidecarUrl && {
    auth: { type: 'open-api-service' },
    apiBaseUrl: sidecarUrl,
  };
  const tokenFile = read('WX_LIVE_TOKEN_FILE') ?? MOUNTED_TOKEN;
  const mounted = existsSync(tokenFile) && {
    auth: { type: 'cloudbase-token', file: tokenFile },
    apiBaseUrl,
  };
  const bucket = read('WX_COS_BUCKET');
  const cos = bucket && {
    bucket,
    region: read('WX_COS_REGION'),
    endpoint: read('WX_COS_ENDPOINT'),
  };
  const keys = findKeys(read);
  const own = secret && { ...secret, apiBaseUrl };
  const candidates = [
    { name: 'links, AppSecret', needs: 'WX_APPID, WX_SECRET', options: own },
    { name: 'links, open API service', needs: 'WX_LIVE_SIDECAR=1', options: sidecar },
    { name: 'links, mounted token', needs: `the file ${MOUNTED_TOKEN}`, options: mounted },
    {
      name: "cos, keys of the container's sidecar",
      needs: 'WX_LIVE_SIDECAR=1, WX_COS_BUCKET',
      options: sidecar && cos && { ...sidecar, cos: { ...cos, credentials: 'container' } },
    },
    {
      name: 'cos, own keys',
      needs: 'WX_COS_BUCKET, WX_COS_SECRET_ID, WX_COS_SECRET_KEY, and an AppSecret or the sidecar',
      options: keys &&
        cos &&
        (own ?? sidecar) && { ...(own ?? sidecar), cos: { ...cos, credentials: keys } },
    },
  ];
  const isPossible = ({ options }) => env !== undefined && Boolean(options);
  return {
    ways: candidates
      .filter(isPossible)
      .map(({ name, options }) => ({ name, options: { ...common, ...options } })),
    skipped: candidates
      .filter(candidate => !isPossible(candidate))
      .map(({ name, needs }) => ({ name, needs: `WX_ENV_ID, ${needs}` })),
  };
}

function findSecret(read) {
  const [appid, secret] = [read('WX_APPID'), read('WX_SECRET')];
  return appid !== undefined && secret !== undefined ? { appid, secret } : undefined;
}

function findKeys(read) {
  const [secretId, secretKey] = [read('WX_COS_SECRET_ID'), read('WX_COS_SECRET_KEY')];
  if (secretId === undefined || secretKey === undefined) return undefined;
  return { secretId, secretKey, token: read('WX_COS_TOKEN') };
}

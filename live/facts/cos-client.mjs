// Tencent Cloud's own client, so that the questions are asked by other code than the package's.
import COS from 'cos-nodejs-sdk-v5';

/** The domain of a bucket, as the SDK writes it. */
const USUAL_DOMAIN = '{Bucket}.cos.{Region}.myqcloud.com';

/**
 * Creates the client of a way with the `cos` option.
 * @returns the client, and a function that calls one of its methods on the bucket
 */
export async function createCosClient({ options }) {
  const { bucket, region = 'ap-shanghai', endpoint, credentials } = options.cos;
  const keys =
    credentials === 'container' ? await fetchContainerKeys(options.apiBaseUrl) : credentials;
  const place = endpoint === undefined ? undefined : new URL(endpoint);
  const cos = new COS({
    SecretId: keys.secretId,
    SecretKey: keys.secretKey,
    SecurityToken: keys.token,
    Domain:
      place === undefined ? USUAL_DOMAIN : `${place.host}${place.pathname}`.replace(/\/$/, ''),
    Protocol: place?.protocol ?? 'https:',
  });
  const call = (method, parameters) =>
    cos[method]({ Bucket: bucket, Region: region, ...parameters });
  return { cos, call, keys };
}

/** Fetches the keys of the container from its sidecar. */
export async function fetchContainerKeys(sidecarUrl) {
  const response = await fetch(`${sidecarUrl}/_/cos/getauth`);
  const text = await response.text();
  const found = text === '' ? {} : JSON.parse(text);
  if (found.TmpSecretId === undefined) {
    const reason = found.errcode ?? found.error_code ?? `HTTP ${response.status}`;
    throw new Error(`/_/cos/getauth returned no keys (${reason})`);
  }
  return {
    secretId: found.TmpSecretId,
    secretKey: found.TmpSecretKey,
    token: found.Token,
    expiredTime: found.ExpiredTime,
  };
}

/** Describes the result of a call for a report: `yes`, or the code of COS. */
export async function tryCall(work) {
  return work().then(
    () => 'yes',
    error => `no (${error.code ?? error.message})`,
  );
}

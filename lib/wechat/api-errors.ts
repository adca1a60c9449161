import { WxCloudStorageError, type WxCloudStorageErrorCode } from '../errors/errors.js';
import { redact } from '../errors/redaction.js';
import { isRetryable } from '../operations/retry.js';
import type { ResolvedAuth } from '../options/resolved-options.js';
import { COS_KEYS_ENDPOINT, CUSTOM_COS_KEYS } from './cos-endpoints.js';
import { CLASSIC_TOKEN_ENDPOINT, type JsonObject, STABLE_TOKEN_ENDPOINT } from './endpoints.js';

/** Named in errors of the application's own token function, in place of a remote operation. */
export const CUSTOM_TOKEN_ENDPOINT = 'auth.getToken';

/** The meaning of an `errcode` for the caller. */
interface ApiErrorKind {
  /** The code of the error. */
  readonly code: WxCloudStorageErrorCode;
  /**
   * True when the same call may succeed later.
   * @defaultValue false
   */
  readonly retryable?: boolean;
  /** The end of the error's message. */
  readonly advice: string;
}

/** The ways to authenticate, by their names in the options. */
export type AuthType = ResolvedAuth['type'];

/** The errcodes that refuse a token. The advice depends on the origin of the token. */
const TOKEN_REJECTIONS: ReadonlySet<number | undefined> = new Set([40001, 40014, 42001]);

const TOKEN_ADVICE: Readonly<Record<AuthType, string>> = {
  'access-token':
    'The renewed token was refused too: make sure that nothing else fetches classic tokens for this AppID.',
  'stable-token':
    'The renewed token was refused too: make sure that nothing else forces new stable tokens for this AppID.',
  'cloudbase-token':
    'The token that the platform mounts was refused, also after it was read again: make sure that the service belongs to the environment of env, and create a new version of it.',
  custom:
    'Another token of auth.getToken was refused too: make sure that the function returns the latest token of the AppID, not a stored one.',
  'open-api-service':
    'The open API service adds the credential, and this package sends no token: make sure that no proxy in between adds an access_token, and create a new version of the service. Contact the support of WeChat Cloud Hosting if the error persists.',
};

const WHITELIST_ADVICE =
  "Add this machine's public address to the IP whitelist in the WeChat console.";
const CONFIRMATION_ADVICE =
  'The administrator has to confirm this address in WeChat; then try again.';

/** The path is not on the list of the open API service. */
const URL_REFUSED = 85107;
/** The same refusal in the other response format of the open API service. */
const URL_REFUSED_TYPE = 'SafeLinkError';

/** @see https://developers.weixin.qq.com/doc/oplatform/developers/errCode/errCode.html */
const KINDS: ReadonlyMap<number, ApiErrorKind> = new Map([
  [-1, failed('WeChat is busy: try again later.', true)],
  [-1000, failed('WeChat has an internal error: try again later.', true)],
  [-601001, failed('WeChat has an internal error: try again later.', true)],
  [-601003, failed('WeChat has a network error: try again later.', true)],
  [40013, refusedCredential('Check the AppID.')],
  [40125, refusedCredential('Check the AppSecret.')],
  [40164, refusedCredential(WHITELIST_ADVICE)],
  [61004, refusedCredential(WHITELIST_ADVICE)],
  [40243, refusedCredential('The AppSecret is frozen: unfreeze it in the WeChat console.')],
  [41002, refusedCredential('Set the AppID.')],
  [41004, refusedCredential('Set the AppSecret.')],
  [
    48001,
    refusedCredential(
      'This type of account may not call the API: check the account in the console.',
    ),
  ],
  [48004, refusedCredential('The API is banned for the account: see its notices in the console.')],
  [50002, refusedCredential('The account is restricted: see its notices in the WeChat console.')],
  [50004, refusedCredential('The account is restricted: see its notices in the WeChat console.')],
  [
    61007,
    refusedCredential('The account has not granted this API to the platform: authorise it again.'),
  ],
  [89501, refusedCredential(CONFIRMATION_ADVICE)],
  [89503, refusedCredential(CONFIRMATION_ADVICE)],
  [89506, refusedCredential('The administrator refused this address: ask again after 24 hours.')],
  [89507, refusedCredential('The administrator refused this address: ask again after 1 hour.')],
  [
    45009,
    { code: 'WX_CLOUD_QUOTA_EXCEEDED', advice: "The day's quota is used up: wait until tomorrow." },
  ],
  [
    45011,
    {
      code: 'WX_CLOUD_QUOTA_EXCEEDED',
      retryable: true,
      advice: 'Too many calls per minute: wait a minute.',
    },
  ],
  // Errcodes of the sidecar, or of the platform behind it:
  // https://developers.weixin.qq.com/minigame/dev/wxcloudrun/src/guide/weixin/faq.html
  [
    85105,
    refusedCredential('This type of account may not call the API this way: check the account.'),
  ],
  [
    URL_REFUSED,
    refusedCredential(
      'Add the path under 云调用 → 微信令牌权限配置 in the console, and create a new version of the service.',
    ),
  ],
  [
    85112,
    refusedCredential('The platform has no cloudbase_secret for the account: contact its support.'),
  ],
  [
    85113,
    {
      code: 'WX_CLOUD_CREDENTIAL_UNAVAILABLE',
      retryable: true,
      advice: 'The platform has no token yet: try again in a few minutes.',
    },
  ],
  [85088, failed('This AppID has no cloud environment: check the AppID and env.')],
  [-501001, failed('The cloud has an internal error: try again later.', true)],
  [-501002, failed('The cloud was too slow: try again later.', true)],
  [-501004, failed('Too many calls at once: try again later.', true)],
  [-501005, failed('The environment does not exist or is suspended: check env.')],
  [-503003, { code: 'WX_CLOUD_FILE_NOT_FOUND', advice: 'Check the file ID.' }],
]);

/** Errcodes with another meaning when they come from the sidecar, as calls to it carry no token. */
const SIDECAR_KINDS: ReadonlyMap<number, ApiErrorKind> = new Map([
  [
    41001,
    {
      code: 'WX_CLOUD_CREDENTIAL_UNAVAILABLE',
      retryable: true,
      advice:
        'The sidecar of the open API service is not ready yet, for example at the start of an instance: try again.',
    },
  ],
  [
    48001,
    refusedCredential(
      'If several AppIDs share the environment, set auth.fromAppid to the calling one; otherwise check the type of the account.',
    ),
  ],
]);

const TOKEN_CALLS: ReadonlySet<string> = new Set([CLASSIC_TOKEN_ENDPOINT, STABLE_TOKEN_ENDPOINT]);

/** Fetches of a credential, which have attempts of their own. */
const CREDENTIAL_CALLS: ReadonlySet<string> = new Set([
  ...TOKEN_CALLS,
  CUSTOM_TOKEN_ENDPOINT,
  COS_KEYS_ENDPOINT,
  CUSTOM_COS_KEYS,
]);

/** `errcode` and `errmsg` of a response that reports an error. */
interface ApiFailure {
  /** WeChat's number of the error. */
  readonly errcode: number;
  /** WeChat's text. */
  readonly errmsg: string;
}

function refusedCredential(advice: string): ApiErrorKind {
  return { code: 'WX_CLOUD_CREDENTIAL_REFUSED', advice };
}

function failed(advice: string, retryable = false): ApiErrorKind {
  return { code: 'WX_CLOUD_API_FAILED', retryable, advice };
}

/**
 * Reads the `errcode` and text of a response that reports an error, in either format; undefined for
 * any other response.
 */
export function readApiFailure(value: JsonObject | undefined): ApiFailure | undefined {
  const { errcode, error_code, error_type, errmsg, error_message } = value ?? {};
  // Absent in token responses; some gateways send it as a string.
  const said = Number(errcode ?? error_code ?? 0);
  const number = error_type === URL_REFUSED_TYPE ? URL_REFUSED : said;
  if (number === 0 || Number.isNaN(number)) return undefined;
  return { errcode: number, errmsg: String(errmsg ?? error_message ?? '') };
}

/**
 * Turns an `errcode` into a typed error that says what to do. `auth` is the way in which the call
 * was authenticated; `secrets` are literals of the call, which are masked.
 */
export function toApiError(
  endpoint: string,
  { errcode, errmsg }: ApiFailure,
  auth: AuthType,
  secrets: readonly string[],
): WxCloudStorageError {
  const kind = findKind(endpoint, errcode, auth);
  const text = redact(errmsg, secrets);
  return new WxCloudStorageError({
    code: kind.code,
    message: `${endpoint}: WeChat returned ${errcode} (${text}). ${kind.advice}`,
    retryable: kind.retryable,
    errcode,
    errmsg: text,
    endpoint,
    // WeChat ends its texts with the ID to quote to its support.
    requestId: /rid:\s*([\w-]+)/.exec(text)?.[1],
    upstreamStatus: 200,
  });
}

/**
 * Returns the meaning of the status of one file in a batch response. It is transient if the same
 * number is transient for a whole call.
 */
export function judgeItemStatus(status: number): Required<ApiErrorKind> {
  const kind = KINDS.get(status);
  if (kind?.retryable === true) return { ...kind, retryable: true };
  const advice = "Check the file's permissions.";
  return { code: 'WX_CLOUD_API_FAILED', retryable: false, advice };
}

function findKind(endpoint: string, errcode: number, auth: AuthType): ApiErrorKind {
  // On token calls 40001 concerns the AppSecret, as no token was sent.
  if (errcode === 40001 && TOKEN_CALLS.has(endpoint))
    return refusedCredential('Check the AppSecret.');
  if (TOKEN_REJECTIONS.has(errcode))
    return { code: 'WX_CLOUD_TOKEN_REJECTED', advice: TOKEN_ADVICE[auth] };
  return (
    (auth === 'open-api-service' ? SIDECAR_KINDS.get(errcode) : undefined) ??
    KINDS.get(errcode) ??
    failed('Look the number up in the list of return codes of the WeChat documentation.')
  );
}

/** True when an error says that the access token was refused; one renewal may help. */
export function isTokenRejection(error: unknown): boolean {
  return error instanceof WxCloudStorageError && TOKEN_REJECTIONS.has(error.errcode);
}

/**
 * True when an operation may be tried again. A failed fetch of a token or of keys does not count as
 * transient: it has had its own attempts, which all operations share and which would be multiplied
 * otherwise.
 */
export function isTransient(error: unknown): boolean {
  return isRetryable(error) && !isCredentialCallError(error);
}

function isCredentialCallError(error: unknown): boolean {
  if (!(error instanceof WxCloudStorageError) || error.endpoint === undefined) return false;
  return CREDENTIAL_CALLS.has(error.endpoint);
}

/**
 * Explains an HTTP status that shows that the sidecar of the open API service is missing or refuses
 * the path; undefined for any other status.
 * @see https://developers.weixin.qq.com/minigame/dev/wxcloudrun/src/guide/weixin/faq.html
 */
export function sidecarError(endpoint: string, status: number): WxCloudStorageError | undefined {
  const parts = { endpoint, upstreamStatus: status };
  if (status === 502) {
    return new WxCloudStorageError({
      ...parts,
      code: 'WX_CLOUD_API_FAILED',
      message: `${endpoint}: the open API service returned HTTP 502. Add the path under 云调用 → 微信令牌权限配置 in the console and create a new version of the service; if it is listed, try again later.`,
      retryable: true,
    });
  }
  if (status !== 404) return undefined;
  return new WxCloudStorageError({
    ...parts,
    code: 'WX_CLOUD_CREDENTIAL_UNAVAILABLE',
    message: `${endpoint}: HTTP 404, so there is no sidecar of the open API service beside this instance. Switch the service (开放接口服务) on and create a new version; outside WeChat Cloud Hosting use another auth.`,
  });
}

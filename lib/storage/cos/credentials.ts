import {
  messageWithoutLink,
  WxCloudStorageError,
  type WxCloudStorageErrorCode,
} from '../../errors/errors.js';
import { toSafeCause } from '../../errors/redaction.js';
import { createSharedController, startDeadline, untilAborted } from '../../operations/deadline.js';
import { retry } from '../../operations/retry.js';
import {
  type SigningKeys,
  type CosKeysFunction,
  type ResolvedCosCredentials,
  type ResolvedRetry,
  Secret,
} from '../../options/resolved-options.js';
import { COS_KEYS_ENDPOINT, CUSTOM_COS_KEYS, decodeCosKeys } from '../../wechat/cos-endpoints.js';
import type { JsonApi } from '../../wechat/wechat-api.js';
import type { ServerClock } from './server-clock.js';

/** Time before their end at which keys are renewed in the background, in milliseconds. */
const RENEWAL_MARGIN_MS = 300_000;
/** Share of their life, where that is shorter. */
const RENEWAL_SHARE = 1 / 10;
/** Pause after a failed renewal, in milliseconds. */
const RENEWAL_PAUSE_MS = 30_000;
/**
 * Time for which keys are used that seem to be expired when they arrive. A clock that is wrong is
 * corrected by the first request; see {@link ServerClock}.
 */
const LEAST_LIFE_MS = 30_000;
/**
 * Number of times that refused keys are replaced within this time, in milliseconds, while no keys
 * are accepted.
 */
const MOST_DROPS = 3;
const DROPS_PERIOD_MS = 10_000;
const NO_DROPS: readonly number[] = [];

/** The codes of errors that a response of the sidecar has caused. */
const RESPONSE_CODES: ReadonlySet<WxCloudStorageErrorCode> = new Set([
  'WX_CLOUD_API_FAILED',
  'WX_CLOUD_CREDENTIAL_REFUSED',
  'WX_CLOUD_CREDENTIAL_UNAVAILABLE',
  'WX_CLOUD_QUOTA_EXCEEDED',
  'WX_CLOUD_RESPONSE_MALFORMED',
]);

/** Keys with their end. */
interface FetchedKeys {
  readonly keys: SigningKeys;
  /** Milliseconds since 1970, by the clock of COS. */
  readonly expiresAtMs: number;
}

/** The keys of an instance, for any number of callers. */
export interface CosCredentials {
  /** Returns valid keys and their end. The signal only ends the wait of this caller. */
  get(signal: AbortSignal): Promise<FetchedKeys>;
  /** Records that COS has accepted keys. */
  confirm(): void;
  /** Drops keys that COS has refused. Returns false where no others can be had. */
  drop(keys: SigningKeys): boolean;
  /** Ends a fetch in progress. */
  close(): void;
}

/** Dependencies of the keys. */
interface CosCredentialsParts {
  /** The option. */
  readonly credentials: ResolvedCosCredentials;
  /** The sidecar of the container. */
  readonly sidecar: JsonApi;
  /** The time of COS. */
  readonly clock: ServerClock;
  /** Limit for one fetch, in milliseconds. */
  readonly tokenMs: number;
  /** Attempts of one fetch from the sidecar. */
  readonly retry: ResolvedRetry;
  /** Called when a renewal has failed, which no caller notices. */
  readonly onRenewalFailed: (error: unknown) => void;
}

/** Creates the source of keys that the option `cos.credentials` names. */
export function createCosCredentials(parts: CosCredentialsParts): CosCredentials {
  const { credentials, sidecar, retry: policy } = parts;
  if (credentials.type === 'keys') return fixedKeys(credentials.keys);
  if (credentials.type === 'function') {
    const getKeys = (signal: AbortSignal) => getCustomKeys(credentials.getKeys, signal);
    return new KeyCache(CUSTOM_COS_KEYS, getKeys, parts);
  }
  const fetchKeys = (signal: AbortSignal): Promise<FetchedKeys> =>
    retry(() => fetchContainerKeys(sidecar, signal), policy, signal);
  return new KeyCache(COS_KEYS_ENDPOINT, fetchKeys, parts);
}

function fixedKeys(keys: SigningKeys): CosCredentials {
  const fixed = { keys, expiresAtMs: Infinity };
  return { get: async () => fixed, confirm: () => {}, drop: () => false, close: () => {} };
}

/**
 * Holds the temporary keys. Callers share one fetch, and keys are renewed in the background before
 * they end. A failed fetch is not remembered.
 */
class KeyCache implements CosCredentials {
  /** Names the source of the keys in errors. */
  readonly #endpoint: string;
  readonly #fetchKeys: (signal: AbortSignal) => Promise<FetchedKeys>;
  readonly #parts: Pick<CosCredentialsParts, 'clock' | 'tokenMs' | 'onRenewalFailed'>;
  readonly #closing = createSharedController();
  #held: (FetchedKeys & { readonly renewAtMs: number }) | undefined;
  #droppedAtMs = NO_DROPS;
  #fetching: Promise<FetchedKeys> | undefined;
  #nextRenewalAtMs = -Infinity;

  constructor(
    endpoint: string,
    fetchKeys: (signal: AbortSignal) => Promise<FetchedKeys>,
    parts: Pick<CosCredentialsParts, 'clock' | 'tokenMs' | 'onRenewalFailed'>,
  ) {
    this.#endpoint = endpoint;
    this.#fetchKeys = fetchKeys;
    this.#parts = parts;
  }

  async get(signal: AbortSignal): Promise<FetchedKeys> {
    const nowMs = this.#parts.clock.nowMs();
    const held = this.#held;
    if (held === undefined || nowMs >= held.expiresAtMs) {
      return untilAborted(this.#fetchOnce(), signal);
    }
    if (nowMs >= held.renewAtMs && nowMs >= this.#nextRenewalAtMs) this.#renew();
    return held;
  }

  confirm(): void {
    this.#droppedAtMs = NO_DROPS;
  }

  drop(keys: SigningKeys): boolean {
    const held = this.#held;
    // Replaced meanwhile, or dropped by another caller.
    if (held?.keys !== keys) return true;
    const nowMs = this.#parts.clock.nowMs();
    const recent = this.#droppedAtMs.filter(time => Math.abs(nowMs - time) < DROPS_PERIOD_MS);
    // New keys seem to be no better.
    if (recent.length >= MOST_DROPS) return false;
    this.#droppedAtMs = [...recent, nowMs];
    this.#held = undefined;
    return true;
  }

  close(): void {
    this.#closing.abort(closed(this.#endpoint));
  }

  #renew(): void {
    if (this.#fetching !== undefined) return;
    this.#fetchOnce().catch((error: unknown) => {
      this.#nextRenewalAtMs = this.#parts.clock.nowMs() + RENEWAL_PAUSE_MS;
      if (!this.#closing.signal.aborted) this.#parts.onRenewalFailed(error);
    });
  }

  #fetchOnce(): Promise<FetchedKeys> {
    this.#fetching ??= this.#fetch().finally(() => (this.#fetching = undefined));
    return this.#fetching;
  }

  async #fetch(): Promise<FetchedKeys> {
    const { tokenMs } = this.#parts;
    const { signal, dispose } = startDeadline(
      this.#endpoint,
      tokenMs,
      this.#closing.signal,
      'token',
    );
    try {
      signal.throwIfAborted();
      return this.#hold(await this.#fetchKeys(signal));
    } finally {
      dispose();
    }
  }

  #hold({ keys, expiresAtMs: saidMs }: FetchedKeys): FetchedKeys {
    const fetchedAtMs = this.#parts.clock.nowMs();
    const lifeMs = saidMs > fetchedAtMs ? saidMs - fetchedAtMs : LEAST_LIFE_MS;
    const expiresAtMs = fetchedAtMs + lifeMs;
    const renewAtMs = expiresAtMs - Math.min(RENEWAL_MARGIN_MS, lifeMs * RENEWAL_SHARE);
    this.#held = { keys, renewAtMs, expiresAtMs };
    return this.#held;
  }
}

function closed(endpoint: string): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_STORAGE_CLOSED',
    message: `${endpoint}: the application is shutting down. Make the call earlier.`,
    endpoint,
  });
}

/**
 * Fetches the keys of the container.
 * @see https://developers.weixin.qq.com/miniprogram/dev/wxcloudservice/wxcloudrun/src/development/storage/service/cos-sdk.html
 */
async function fetchContainerKeys(sidecar: JsonApi, signal: AbortSignal): Promise<FetchedKeys> {
  const endpoint = COS_KEYS_ENDPOINT;
  try {
    const response = await sidecar.call({ endpoint, method: 'GET', query: {}, signal });
    const { secretId, secretKey, token, expiresAtMs } = decodeCosKeys(response);
    const keys = { secretId, secretKey: new Secret(secretKey), token: new Secret(token) };
    return { keys, expiresAtMs };
  } catch (error) {
    signal.throwIfAborted();
    throw explain(error);
  }
}

/** Adds the ways out to an error of the sidecar, which depend on where the application runs. */
function explain(error: unknown): unknown {
  if (!(error instanceof WxCloudStorageError) || !RESPONSE_CODES.has(error.code)) return error;
  const { code, retryable, errcode, errmsg, endpoint, requestId, upstreamStatus } = error;
  return new WxCloudStorageError({
    code: code === 'WX_CLOUD_RESPONSE_MALFORMED' ? 'WX_CLOUD_CREDENTIAL_UNAVAILABLE' : code,
    message: `${messageWithoutLink(error)} The keys of the container (cos.credentials 'container') need the open API service (开放接口服务) in a version of the service that was created with it, and perhaps the path under 云调用 → 微信令牌权限配置. Elsewhere give cos.credentials a key pair, or leave cos out.`,
    retryable,
    errcode,
    errmsg,
    endpoint,
    requestId,
    upstreamStatus,
  });
}

/** Calls the application's own function for keys. The signal only ends the wait. */
async function getCustomKeys(getKeys: CosKeysFunction, signal: AbortSignal): Promise<FetchedKeys> {
  const result: unknown = await untilAborted(callOnce(getKeys), signal);
  const { secretId, secretKey, token, expiresAt } = (result ?? {}) as Record<string, unknown>;
  const areKeys = isText(secretId) && isText(secretKey) && (token === undefined || isText(token));
  const endsMs = expiresAt instanceof Date ? expiresAt.getTime() : Number.NaN;
  if (!areKeys || Number.isNaN(endsMs)) {
    throw unavailable('it returned no { secretId, secretKey, token?, expiresAt: Date }');
  }
  const keys = {
    secretId,
    secretKey: new Secret(secretKey),
    token: token === undefined ? undefined : new Secret(token),
  };
  return { keys, expiresAtMs: endsMs };
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

/** Errors of the function may carry whole requests, with the credentials of a key server. */
async function callOnce(getKeys: CosKeysFunction): Promise<unknown> {
  try {
    return await getKeys();
  } catch (error) {
    throw unavailable('it failed', toSafeCause(error));
  }
}

function unavailable(problem: string, cause?: unknown): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_CREDENTIAL_UNAVAILABLE',
    message: `${CUSTOM_COS_KEYS}: the function could not provide keys: ${problem}. Make sure that it works.`,
    retryable: cause !== undefined,
    endpoint: CUSTOM_COS_KEYS,
    cause,
  });
}

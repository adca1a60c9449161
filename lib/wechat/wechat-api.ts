import { WxCloudStorageError } from '../errors/errors.js';
import { redact } from '../errors/redaction.js';
import { isTransientStatus } from '../operations/retry.js';
import {
  type HttpRequestWithBody,
  type HttpTransport,
  type RequestTarget,
  toTarget,
} from '../transport/http-client.js';
import type { BufferedResponse } from '../transport/response-handlers.js';
import {
  type AuthType,
  isTokenRejection,
  readApiFailure,
  sidecarError,
  toApiError,
} from './api-errors.js';
import type { AccessToken, JsonObject } from './endpoints.js';

/** Size limit of a response: twenty times the largest documented one (50 links of 1 KiB each). */
const MAX_RESPONSE_BYTES = 1_048_576;
/** The longest part of an unexpected response that an error's message quotes. */
const MAX_QUOTED_CHARACTERS = 200;

/** A fetched token. */
export interface FetchedToken extends AccessToken {
  /**
   * Time on the clock of the cache before which the lifetime cannot have begun.
   * @defaultValue the time of its arrival
   */
  readonly sinceMs?: number;
}

/** Source of the tokens of one instance, for any number of callers. */
export interface TokenSource {
  /** Returns a valid token. The signal only ends the wait of this caller. */
  get(signal?: AbortSignal): Promise<string>;
  /** Records that WeChat has accepted a token. */
  confirm(): void;
  /** Drops a token that WeChat has refused, unless a newer one has replaced it. */
  invalidate(rejected: string): void;
  /** Closes the instance; shared tokens stay with the other instances. */
  close?(): void;
}

/** Authenticates the API calls of an instance. */
export interface Credential {
  /** The tokens; undefined where the environment adds one. */
  readonly tokens: TokenSource | undefined;
  /** Returns the query members that authenticate a call. */
  readonly toQuery: (token: string) => Readonly<Record<string, string>>;
}

/** Creates a credential that sends a token in the query. */
export function tokenCredential(
  tokens: TokenSource,
  parameter: 'access_token' | 'cloudbase_access_token' = 'access_token',
): Credential {
  return { tokens, toQuery: token => ({ [parameter]: token }) };
}

/**
 * Creates a credential without a token: the sidecar of the open API service adds it. `fromAppid` is
 * the calling AppID, where several share one environment.
 * @see https://developers.weixin.qq.com/miniprogram/dev/wxcloudrun/src/guide/weixin/open.html
 */
export function openApiCredential(fromAppid: string | undefined): Credential {
  const query: Readonly<Record<string, string>> =
    fromAppid === undefined ? {} : { from_appid: fromAppid };
  return { tokens: undefined, toQuery: () => query };
}

/** Calls WeChat's JSON API with the instance's credential. */
export class AuthorizedApi {
  readonly #api: JsonApi;
  readonly #credential: Credential;

  /** Adds the credential to every call of `api`. */
  constructor(api: JsonApi, credential: Credential) {
    this.#api = api;
    this.#credential = credential;
  }

  /**
   * Makes one call. A refused token is renewed once, together with all callers that hold it, and
   * the call is repeated.
   * @throws {@link WxCloudStorageError} like {@link JsonApi.call}; `WX_CLOUD_TOKEN_REJECTED` when
   * the renewed token is refused too
   */
  async post(endpoint: string, body: unknown, signal: AbortSignal): Promise<unknown> {
    const { tokens } = this.#credential;
    if (tokens === undefined) return this.#send(endpoint, body, '', signal);
    const token = await tokens.get(signal);
    try {
      const response = await this.#send(endpoint, body, token, signal);
      tokens.confirm();
      return response;
    } catch (error) {
      if (!isTokenRejection(error)) throw error;
      tokens.invalidate(token);
    }
    const response = await this.#send(endpoint, body, await tokens.get(signal), signal);
    tokens.confirm();
    return response;
  }

  #send(endpoint: string, body: unknown, token: string, signal: AbortSignal): Promise<unknown> {
    const query = this.#credential.toQuery(token);
    return this.#api.call({ endpoint, method: 'POST', query, body, signal });
  }
}

/** One call of a JSON API. */
export interface JsonCall {
  /** The path, e.g. `/tcb/uploadfile`. */
  readonly endpoint: string;
  /** The method; only `POST` sends a body. */
  readonly method: 'GET' | 'POST';
  /** The query; its values are treated as secrets. */
  readonly query: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Further literals to mask in errors. */
  readonly secrets?: readonly string[];
  /** Ends the call. */
  readonly signal: AbortSignal;
}

/** Calls WeChat's JSON API at one address. */
export class JsonApi {
  readonly #transport: HttpTransport;
  readonly #base: RequestTarget;
  readonly #auth: AuthType;

  /**
   * Creates a client that has made no call yet. `baseUrl` has no trailing slash. `auth` is the way
   * in which calls are authenticated, and decides the advice in errors.
   */
  constructor(transport: HttpTransport, baseUrl: string, auth: AuthType = 'stable-token') {
    this.#transport = transport;
    this.#base = toTarget(new URL(baseUrl));
    this.#auth = auth;
  }

  /**
   * Makes one call and resolves with the parsed response, whose `errcode` is absent or 0. WeChat
   * reports errors with HTTP 200 and an `errcode`; each becomes a typed error.
   * @throws {@link WxCloudStorageError} by `errcode`; `WX_CLOUD_API_FAILED` for another HTTP
   * status; `WX_CLOUD_RESPONSE_MALFORMED` for a response that is not a JSON object
   */
  async call(call: JsonCall): Promise<unknown> {
    const secrets = [...Object.values(call.query), ...(call.secrets ?? [])];
    const request: HttpRequestWithBody = {
      endpoint: call.endpoint,
      method: call.method,
      target: this.#targetOf(call),
      headers: { accept: 'application/json', 'content-type': 'application/json' },
      body: call.method === 'POST' ? Buffer.from(JSON.stringify(call.body)) : undefined,
      signal: call.signal,
      secrets,
    };
    const response = await this.#transport.requestBuffered(request, MAX_RESPONSE_BYTES);
    return this.#read(response, call.endpoint, secrets);
  }

  #read(response: BufferedResponse, endpoint: string, secrets: readonly string[]): unknown {
    const value = parseObject(response.text);
    const failure = readApiFailure(value);
    if (failure !== undefined) throw toApiError(endpoint, failure, this.#auth, secrets);
    if (response.status !== 200) throw unexpectedStatus(response, endpoint, this.#auth, secrets);
    if (value === undefined || Number.isNaN(Number(value['errcode'] ?? 0)))
      throw notJson(response, endpoint, secrets);
    return value;
  }

  #targetOf({ endpoint, query }: JsonCall): RequestTarget {
    const { origin, path } = this.#base;
    const search = new URLSearchParams(query).toString();
    const prefix = path === '/' ? '' : path;
    return { origin, path: `${prefix}${endpoint}${search === '' ? '' : `?${search}`}` };
  }
}

function parseObject(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as JsonObject)
      : undefined;
  } catch {
    // Not JSON: the caller quotes the beginning of the text.
    return undefined;
  }
}

function unexpectedStatus(
  response: BufferedResponse,
  endpoint: string,
  auth: AuthType,
  secrets: readonly string[],
): WxCloudStorageError {
  const missing = auth === 'open-api-service' ? sidecarError(endpoint, response.status) : undefined;
  if (missing !== undefined) return missing;
  const transient = isTransientStatus(response.status);
  return new WxCloudStorageError({
    code: 'WX_CLOUD_API_FAILED',
    message: `${endpoint}: the response was HTTP ${response.status} (${quote(response.text, secrets)}). ${
      transient ? 'Try again later' : 'Check apiBaseUrl'
    }; if there is a gateway or proxy in between, check it.`,
    retryable: transient,
    endpoint,
    upstreamStatus: response.status,
  });
}

function notJson(
  response: BufferedResponse,
  endpoint: string,
  secrets: readonly string[],
): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_RESPONSE_MALFORMED',
    message: `${endpoint}: the response is not the JSON that WeChat documents (${quote(response.text, secrets)}). Check apiBaseUrl, and any gateway in between.`,
    retryable: true,
    endpoint,
    upstreamStatus: response.status,
  });
}

/**
 * Quotes pages and plain texts of gateways, which explain the failure. Anything like JSON may hold
 * a token, so only its length is shown.
 */
function quote(text: string, secrets: readonly string[]): string {
  const trimmed = text.trim();
  if (trimmed === '') return 'empty';
  if (/^["[{]/.test(trimmed)) return `${trimmed.length} characters of JSON`;
  return JSON.stringify(redact(trimmed, secrets).slice(0, MAX_QUOTED_CHARACTERS));
}

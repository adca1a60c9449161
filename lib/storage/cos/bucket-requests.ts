import { WxCloudStorageError } from '../../errors/errors.js';
import type {
  HttpRequestWithBody,
  HttpTransport,
  RequestTarget,
} from '../../transport/http-client.js';
import type { ConnectionLane } from '../../transport/connections.js';
import type { BufferedResponse, StreamedResponse } from '../../transport/response-handlers.js';
import {
  CosRefusalError,
  type CosRefusalParts,
  isExpired,
  readCosError,
  type CosError,
} from './cos-error.js';
import type { SigningKeys } from '../../options/resolved-options.js';
import type { CosCredentials } from './credentials.js';
import type { RequestBody } from './object-body.js';
import type { ServerClock } from './server-clock.js';
import {
  encodeForCos,
  encodeKey,
  type KeyTime,
  presignRequest,
  type RequestToSign,
  signRequest,
  TOKEN_HEADER,
} from './signature.js';

/** Signing keys change once in this many seconds, as they take two thirds of the work. */
const KEY_PERIOD_S = 60;
/** Seconds that a signature is older than the clock, which may be a little ahead of that of COS. */
const KEY_LEAD_S = 30;
/** Life of a signature in seconds; COS checks it when the request begins. */
const KEY_LIFE_S = 900;

/** Size limit of a response that is not a list. */
const MAX_RESPONSE_BYTES = 1_048_576;
const MAX_ERROR_BYTES = 65_536;

/** Refusals of keys. */
const KEY_CODES: ReadonlySet<string> = new Set([
  'ExpiredToken',
  'InvalidAccessKeyId',
  'InvalidSecurityToken',
]);

/** One request to the bucket. */
export interface BucketRequest {
  /** The operation in errors, e.g. `PUT object`. */
  readonly endpoint: string;
  /** The method. */
  readonly method: HttpRequestWithBody['method'];
  /** The key; empty for the bucket itself. */
  readonly key: string;
  /**
   * Query parameters; empty for one without a value, undefined omits it.
   * @defaultValue none
   */
  readonly query?: Readonly<Record<string, string | undefined>>;
  /**
   * Headers by lower-case name.
   * @defaultValue none
   */
  readonly headers?: Readonly<Record<string, string>>;
  /** The kind of request, for its connection slot. */
  readonly lane: ConnectionLane;
  /**
   * Limit between two chunks of the response in milliseconds.
   * @defaultValue `timeouts.idleMs`
   */
  readonly idleMs?: number;
  /**
   * Time in milliseconds to wait for the response after the caller gave up, for a request without
   * content whose response names what it has made.
   * @defaultValue 0
   */
  readonly graceMs?: number;
  /** Ends the request. */
  readonly signal: AbortSignal;
}

/** The content of a request. */
export interface RequestContent {
  /** Number of bytes. */
  readonly size: number;
  /** Makes the body of one try. */
  readonly open: () => RequestBody;
  /** True when the content can be sent again. */
  readonly isReplayable: boolean;
  /**
   * Time in milliseconds to wait for the response after the last byte was sent and the caller gave
   * up. Only the response shows if the object was stored.
   * @defaultValue 0
   */
  readonly graceMs?: number;
}

/** A response with the body that it is for. */
export interface SentRequest {
  /** The response, whatever its status. */
  readonly response: BufferedResponse;
  /** The body that was sent last; undefined for a request without content. */
  readonly body: RequestBody | undefined;
  /** Literals to mask in an error of the response. */
  readonly secrets: readonly string[];
}

/** The parts of a response that an error needs. */
type RefusedCall = Pick<SentRequest, 'secrets'> & {
  readonly response: Pick<BufferedResponse, 'status' | 'header'>;
};

/** The outcome of a request without a response. */
export interface UnansweredRequest {
  /** The error of the transport, the keys or the content. */
  readonly error: unknown;
  /** The body that was sent last. */
  readonly body: RequestBody | undefined;
  /** True when nothing of the request was sent. */
  readonly isUnsent: boolean;
}

/** The keys of one try, and the time that its signature assumes. */
interface Signer {
  readonly keys: SigningKeys;
  readonly nowMs: number;
}

/** The address and the keys of one bucket. */
interface BucketRequestsParts {
  /** Sends the requests. */
  readonly transport: HttpTransport;
  /** The address of the bucket, without a trailing slash. */
  readonly address: URL;
  /** The keys. */
  readonly credentials: CosCredentials;
  /** The time of COS. */
  readonly clock: ServerClock;
}

/**
 * Signs and sends requests to one bucket. A request whose keys or time COS refuses is sent once
 * more, with fresh ones, where that may help.
 */
export class BucketRequests {
  readonly #parts: BucketRequestsParts;
  readonly #origin: string;
  /** The path of the address as given, without a trailing slash; empty for none. */
  readonly #prefix: string;
  readonly #host: string;

  /** Sends nothing yet. */
  constructor(parts: BucketRequestsParts) {
    this.#parts = parts;
    const { origin, pathname, host } = parts.address;
    this.#origin = origin;
    this.#host = host;
    this.#prefix = pathname.replace(/\/+$/, '');
  }

  /** Sends a request and returns its response, whatever its status. */
  async send(
    request: BucketRequest,
    content?: RequestContent,
    maxBytes = MAX_RESPONSE_BYTES,
  ): Promise<SentRequest> {
    const outcome = await this.trySend(request, content, maxBytes);
    if ('error' in outcome) throw outcome.error;
    return outcome;
  }

  /** Sends a request as {@link BucketRequests.send} does, and never rejects. */
  async trySend(
    request: BucketRequest,
    content?: RequestContent,
    maxBytes = MAX_RESPONSE_BYTES,
  ): Promise<SentRequest | UnansweredRequest> {
    let body: RequestBody | undefined;
    let isUnsent = true;
    try {
      for (let isRepeat = false; ; isRepeat = true) {
        const signer = await this.#getSigner(request.signal);
        body = content?.open();
        isUnsent = false;
        const signed = this.#sign(request, signer, content);
        const response = await this.#parts.transport.requestBuffered(
          {
            ...signed,
            ...this.#bodyOf(body, content?.graceMs ?? request.graceMs),
            onUnsent: () => (isUnsent = true),
          },
          maxBytes,
        );
        const mayRepeat = !isRepeat && content?.isReplayable !== false;
        const document = response.status < 400 ? undefined : readCosError(response.text);
        if (!this.#renew(response, document, signer) || !mayRepeat) {
          return { response, body, secrets: signed.secrets };
        }
      }
    } catch (error) {
      return { error, body, isUnsent };
    }
  }

  /** Sends a request and returns the head of its response, whatever its status but 4xx and 5xx. */
  async stream(request: BucketRequest): Promise<StreamedResponse> {
    for (let isRepeat = false; ; isRepeat = true) {
      const signer = await this.#getSigner(request.signal);
      const signed = this.#sign(request, signer);
      const response = await this.#parts.transport.requestStream(signed);
      if (response.status < 400) {
        this.#parts.credentials.confirm();
        return response;
      }
      const document = readCosError(await response.readText(MAX_ERROR_BYTES));
      if (!this.#renew(response, document, signer) || isRepeat) {
        throw this.refusal(request, { response, secrets: signed.secrets }, document);
      }
    }
  }

  /** Returns a signed address, and its end. */
  async presign(
    request: Pick<BucketRequest, 'method' | 'key' | 'headers' | 'query' | 'signal'>,
    expiresInSeconds: number,
  ): Promise<{ readonly url: string; readonly expiresAt: Date }> {
    const { keys, expiresAtMs } = await this.#parts.credentials.get(request.signal);
    const nowMs = this.#parts.clock.nowMs();
    const endsMs = Math.min(nowMs + expiresInSeconds * 1000, expiresAtMs);
    const start = Math.floor(nowMs / 1000) - KEY_LEAD_S;
    const end = Math.floor(endsMs / 1000);
    const query = definedOf(request.query);
    const toSign = this.#toSign(request, query, request.headers);
    const signature = presignRequest(toSign, keys, { start, end });
    const { path } = this.#targetOf(request.key, { ...query, ...signature });
    return { url: `${this.#origin}${path}`, expiresAt: new Date(end * 1000) };
  }

  /** Creates the error of a response that does not confirm a request. */
  refusal(
    request: BucketRequest,
    refused: RefusedCall,
    document: CosError | undefined,
  ): CosRefusalError {
    return new CosRefusalError(this.refusalParts(request, refused, document));
  }

  /** Returns the parts of the error of a response that does not confirm a request. */
  refusalParts(
    { endpoint, key }: BucketRequest,
    { response: { status, header }, secrets }: RefusedCall,
    document: CosError | undefined,
  ): CosRefusalParts {
    const requestId = header('x-cos-request-id');
    return { endpoint, key, status, document, requestId, secrets };
  }

  /**
   * Takes over the time of COS, or drops the keys, where a response refuses them. Returns true when
   * the request may succeed now. The response to HEAD has no document.
   */
  #renew(
    { status, header }: Pick<BufferedResponse, 'status' | 'header'>,
    document: CosError | undefined,
    { keys, nowMs }: Signer,
  ): boolean {
    if (status < 400) this.#parts.credentials.confirm();
    const isBare = status === 403 && header('x-cos-request-id') !== undefined;
    if (document === undefined ? !isBare : status !== 403 && status !== 400) return false;
    const { clock, credentials } = this.#parts;
    const isAboutTime = document === undefined || saysWrongTime(document);
    if (isAboutTime && clock.correct(header('date'), nowMs)) return true;
    const areKeysRefused =
      document === undefined || KEY_CODES.has(document.code) || isExpired(document);
    return areKeysRefused && credentials.drop(keys);
  }

  async #getSigner(signal: AbortSignal): Promise<Signer> {
    const { keys } = await this.#parts.credentials.get(signal);
    return { keys, nowMs: this.#parts.clock.nowMs() };
  }

  #sign(
    request: BucketRequest,
    { keys, nowMs }: Signer,
    content?: RequestContent,
  ): HttpRequestWithBody & { readonly secrets: readonly string[] } {
    const { endpoint, method, lane, signal, idleMs } = request;
    const query = definedOf(request.query);
    const length = content === undefined ? {} : { 'content-length': String(content.size) };
    const headers = { ...request.headers, ...length };
    const toSign = this.#toSign(request, query, headers);
    const authorization = signRequest(toSign, keys, keyTimeAt(nowMs));
    const token = keys.token?.reveal();
    const session = token === undefined ? {} : { [TOKEN_HEADER]: token };
    return {
      endpoint,
      method,
      lane,
      signal,
      target: this.#targetOf(request.key, query),
      headers: { ...headers, ...session, authorization },
      secrets: [authorization, ...Object.values(session), ...metaIdOf(headers)],
      ...(idleMs === undefined ? {} : { idleMs }),
    };
  }

  #bodyOf(body: RequestBody | undefined, graceMs = 0): Partial<HttpRequestWithBody> {
    if (body === undefined) return { abortDelayMs: () => graceMs };
    return { body: body.bytes, abortDelayMs: () => (body.isSent() ? graceMs : 0) };
  }

  /** The path is signed with that of the address, and decoded, as COS does it. */
  #toSign(
    { method, key }: Pick<BucketRequest, 'method' | 'key'>,
    query: Readonly<Record<string, string>>,
    headers: Readonly<Record<string, string>> = {},
  ): RequestToSign {
    const path = `${decodeURIComponent(this.#prefix)}/${key}`;
    return { method, path, query, headers: { ...headers, host: this.#host } };
  }

  #targetOf(key: string, query: Readonly<Record<string, string>>): RequestTarget {
    const search = Object.entries(query)
      .map(([name, value]) => (value === '' ? name : `${name}=${encodeForCos(value)}`))
      .join('&');
    const path = `${this.#prefix}/${encodeKey(key)}`;
    return { origin: this.#origin, path: search === '' ? path : `${path}?${search}` };
  }
}

function keyTimeAt(nowMs: number): KeyTime {
  const earliest = Math.floor(nowMs / 1000) - KEY_LEAD_S;
  const start = earliest - (earliest % KEY_PERIOD_S);
  return { start, end: start + KEY_PERIOD_S + KEY_LEAD_S + KEY_LIFE_S };
}

function saysWrongTime({ code, message }: CosError): boolean {
  return (
    code === 'RequestTimeTooSkewed' || (code === 'AccessDenied' && /expired|not yet/i.test(message))
  );
}

function definedOf(
  query: Readonly<Record<string, string | undefined>> = {},
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

/** Returns the signed file ID of the headers, for masking. */
function metaIdOf(headers: Readonly<Record<string, string>> | undefined): readonly string[] {
  const metaId = headers?.['x-cos-meta-fileid'];
  return metaId === undefined ? [] : [metaId];
}

/** Creates the error of a response that is not the one that COS documents. */
export function notFromCos(
  { endpoint }: Pick<BucketRequest, 'endpoint'>,
  status: number,
): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_RESPONSE_MALFORMED',
    message: `${endpoint}: the response differs from the documentation of COS. Check cos.endpoint, and any proxy or gateway in between.`,
    retryable: true,
    endpoint,
    upstreamStatus: status,
  });
}

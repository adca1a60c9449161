import {
  OptionsInvalidError,
  RequestTimedOutError,
  type WxCloudTimeoutPhase,
  WxCloudStorageError,
} from '../errors/errors.js';
import { innerError, isError, toSafeCause } from '../errors/redaction.js';
import type { ResolvedTimeouts } from '../options/resolved-options.js';
import { CONNECT_DROPPED } from './connections.js';

/** undici's timeout codes with their phases. */
const TIMEOUT_PHASES: ReadonlyMap<
  string,
  Exclude<WxCloudTimeoutPhase, 'total' | 'token'>
> = new Map([
  ['UND_ERR_CONNECT_TIMEOUT', 'connect'],
  ['UND_ERR_HEADERS_TIMEOUT', 'headers'],
  ['UND_ERR_BODY_TIMEOUT', 'idle'],
]);

/** Error codes of a certificate that cannot be verified. */
const CERTIFICATE_CODES =
  /^(?:DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_\w+|CERT_\w+|ERR_TLS_CERT_ALTNAME_INVALID)$/;

/** Error codes of failures before the first byte could be sent. */
const UNCONNECTED_CODES = /^(?:ECONNREFUSED|ENOTFOUND|EAI_\w+|EHOSTUNREACH|ENETUNREACH)$/;

/** Texts of undici for a proxy that refuses a tunnel, which has no code of its own. */
const PROXY_REFUSAL = /^Proxy (?:response|Authentication Required) \((\d{3})\)/;

const DROPPED =
  'no connection, as it was closed while it was opening. Check the proxy, and that it allows this host, or try again.';

/** The deepest cause that is examined; a limit, so that a cycle ends. */
const DEEPEST_CAUSE = 4;

/**
 * True when a call failed without a connection, so that nothing of it can have reached the other
 * side.
 */
export function neverConnected(error: unknown): boolean {
  if (error instanceof RequestTimedOutError) return error.phase === 'connect';
  if (!(error instanceof WxCloudStorageError) || error.code !== 'WX_CLOUD_CONNECTION_FAILED')
    return false;
  const code = findCode(error.cause);
  if (code === CONNECT_DROPPED || proxyStatusOf(error.cause) !== undefined) return true;
  return UNCONNECTED_CODES.test(code) || CERTIFICATE_CODES.test(code);
}

/** The limits in force; a dispatcher of the application has its own limit for connecting. */
type TimeoutsInForce = Pick<ResolvedTimeouts, 'headersMs' | 'idleMs'> & {
  readonly connectMs: number | undefined;
};

/**
 * Turns an error of undici, a socket or TLS into a {@link WxCloudStorageError}. An error that
 * already is one is returned as it is; an aborted call fails with the reason of its signal.
 */
export function toConnectionError(
  error: unknown,
  call: {
    readonly endpoint: string;
    readonly signal: AbortSignal;
    /** Literals of the call to mask in the error. */
    readonly secrets?: readonly string[];
  },
  timeouts: TimeoutsInForce,
): WxCloudStorageError {
  if (error instanceof WxCloudStorageError) return error;
  const { endpoint, signal, secrets } = call;
  if (signal.aborted && signal.reason instanceof WxCloudStorageError) return signal.reason;
  const cause = toSafeCause(error, secrets);
  const code = findCode(error);
  const phase = TIMEOUT_PHASES.get(code);
  if (phase !== undefined) {
    return new RequestTimedOutError({ phase, endpoint, timeoutMs: timeouts[`${phase}Ms`], cause });
  }
  const { problem, retryable } = describeFailure(error, code);
  return new WxCloudStorageError({
    code: 'WX_CLOUD_CONNECTION_FAILED',
    message: `${endpoint}: ${problem}`,
    retryable,
    endpoint,
    cause,
  });
}

interface Failure {
  readonly problem: string;
  readonly retryable: boolean;
}

function describeFailure(error: unknown, code: string): Failure {
  if (CERTIFICATE_CODES.test(code)) return { problem: describeUntrusted(code), retryable: false };
  const status = proxyStatusOf(error);
  if (status !== undefined) return describeProxyRefusal(status);
  return { problem: code === CONNECT_DROPPED ? DROPPED : describeBroken(code), retryable: true };
}

/**
 * Returns the HTTP status with which a proxy refused to connect; undefined for any other failure.
 */
function proxyStatusOf(error: unknown, depth = 0): number | undefined {
  if (!isError(error)) return undefined;
  const status = PROXY_REFUSAL.exec(error.message)?.[1];
  if (status !== undefined) return Number(status);
  return depth < DEEPEST_CAUSE ? proxyStatusOf(innerError(error), depth + 1) : undefined;
}

function describeProxyRefusal(status: number): Failure {
  const problem = `no connection, as the proxy responded with HTTP ${status}. `;
  if (status === 407) {
    return {
      problem: `${problem}Give the dispatcher the user and password that the proxy requires: the option token of new ProxyAgent(), such as 'Basic …'.`,
      retryable: false,
    };
  }
  return {
    problem: `${problem}Make sure that it allows this host, or try again.`,
    retryable: status >= 500 || status === 429,
  };
}

/**
 * Explains an error that a dispatcher threw at once: dispatchers before undici 7 require other
 * handlers, by name. The version of a dispatcher only shows when it is used.
 */
export function toDispatchError(error: unknown): unknown {
  if (!isError(error) || !/\bon[A-Z]\w+ (?:method|is not a function)/.test(error.message))
    return error;
  return new OptionsInvalidError({
    option: 'dispatcher',
    expected: 'a dispatcher of undici 7 or 8; this one is of another version',
    remedy: 'Install undici 7 or 8 in the application, and create the dispatcher with it.',
  });
}

function describeUntrusted(code: string): string {
  return (
    `the server's certificate could not be verified (${code}). Inside WeChat Cloud Hosting this is the sidecar of the ` +
    "open API service (开放接口服务): use auth 'open-api-service', which calls it over plain http, or switch that service " +
    'off and create a new version of yours. Elsewhere, trust a certificate of your own with NODE_EXTRA_CA_CERTS. Do not ' +
    'turn verification off.'
  );
}

function describeBroken(code: string): string {
  return `no response, as the connection failed (${code}). Check the network, the proxy and apiBaseUrl, or try again.`;
}

/**
 * Returns the code of an error, or of the first error inside it (undici and dual-stack connects
 * wrap the real one).
 */
function findCode(error: unknown, depth = 0): string {
  if (!isError(error)) return 'unknown error';
  if ('code' in error && typeof error.code === 'string') return error.code;
  const inner = innerError(error);
  return inner === undefined || depth >= DEEPEST_CAUSE ? error.name : findCode(inner, depth + 1);
}

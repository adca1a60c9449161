import { isNativeError } from 'node:util/types';

const MASK = '[redacted]';

/**
 * Names of credentials in query strings, forms, headers or JSON. Those of the first line may have
 * any beginning: `component_access_token`, `clientSecret`, `x-cos-security-token`. The search for
 * them starts at these words, not at the beginning of the name, so that its time is linear.
 */
const SECRET_NAMES =
  '(?:token|secret|password|passwd|signature|authorization|verify_?ticket|secret[_-]?(?:key|id)|' +
  '(?<![\\w-])(?:sign|q-ak|session_key|x-cos-meta-fileid|cos_file_id))';

/** The equals sign may be encoded, in an address within an address. */
const ASSIGNMENT = new RegExp(`(${SECRET_NAMES}(?:=|%3D))([^&\\s"'<>]+)`, 'gi');
/**
 * Matches members in JSON (also within a JSON text), in inspected objects and attributes. A
 * truncated value ends with the text.
 */
const MEMBER = new RegExp(
  `(${SECRET_NAMES}\\\\*["']?\\s*[:=]\\s*\\\\*)(["'\`])(?:\\\\[^]|(?!\\2)[^\\\\])*(?:\\2|\\\\?$)`,
  'gi',
);
/** An object with a text in it, as the value of a member. */
const OBJECT_MEMBER = new RegExp(
  `(${SECRET_NAMES}\\\\*["'\`]?\\s*[:=]\\s*)\\{[^{}"'\`]*["'\`][^{}]*(?:\\}|$)`,
  'gi',
);
/** A member in JSON that is encoded in an address, where the colon may stay as it is. */
const ENCODED_MEMBER = new RegExp(
  `(${SECRET_NAMES}(?:%5C)*%22(?::|%3A)(?:%20|\\+)*(?:%5C)*%22)(?:(?!%22)[^&\\s"'<>])+`,
  'gi',
);
/** A value without quotes; one with a digit and of such a length is hardly a word. */
const UNQUOTED = new RegExp(
  `(${SECRET_NAMES}\\s*[:：][^\\S\\r\\n]*)(?=[\\w.~+/=-]*\\d)[\\w.~+/=-]{8,}`,
  'gi',
);
const HEADER =
  /((?:authorization|(?<![\w-])x-[\w-]*token|x-cos-meta-fileid)\s*:[^\S\r\n]*)(?!\\*["'])[^\s][^\r\n]*/gi;
/** The user and password of an address, whose slashes a JSON text may escape. */
const USER_INFO = /(:(?:\\?\/){2})[!$-&(-.0-;=@-[\]-~]+@/g;
/**
 * The user and a password that has characters which must be encoded: `/`, `?`, `#`, letters of any
 * language. A number before one of these signs is taken for the port of a host. No `://` is part of
 * a match, so that its time is linear.
 */
const ODD_PASSWORD =
  /(:(?:\\?\/){2})(?:[!$-&(-.0-9;=A-Z^-~]|[^\p{ASCII}\p{P}\p{Z}\p{C}])*:(?!\d{1,5}[/?#])(?:(?!:(?:\\?\/){2})(?:[!#-&(-;=?-[\]-~]|\\\/|[^\p{ASCII}\p{P}\p{Z}\p{C}]))+@/gu;
/** Credentials of the scheme Basic, or two words. */
const BASIC = /(?<![\w-])(basic\s+)([\w+/-]{4,}={0,2})/gi;
/** A user name and a colon. */
const USER_AND_COLON = /^[^\p{Cc}\ufffd:]*:/u;
/** A token after Bearer; an ordinary word has neither digits, inner capitals nor such a length. */
const BEARER =
  /(?<![\w-])([Bb]earer\s+)(?=[\w.~+/-]*(?:\d|[a-z][A-Z]|[.~+/_]\w)|[\w-]{20})[\w.~+/-]{8,}=*/g;
/** The form of WeChat's verify tickets and refresh tokens, wherever they stand. */
const MARKED = /(ticket|refreshtoken)@@@[\w~.+/=-]+/gi;

/** Shorter values are not masked literally, as that would mask ordinary words. */
const SHORTEST_LITERAL = 6;

/** The deepest copied cause; a limit, so that a cycle ends. */
const DEEPEST_CAUSE = 4;

/**
 * Masks credentials in a text: `name=value` and `name: value` pairs and JSON members with a
 * credential's name, the user and password of addresses, values after `Basic` and `Bearer`, and
 * every literal in `secrets` (those shorter than 6 characters are left, as they would mask ordinary
 * words).
 */
export function redact(text: string, secrets: readonly string[] = []): string {
  let result = text;
  for (const secret of secrets) {
    if (secret.length >= SHORTEST_LITERAL) result = result.replaceAll(secret, MASK);
  }
  return result
    .replace(MEMBER, `$1$2${MASK}$2`)
    .replace(OBJECT_MEMBER, `$1${MASK}`)
    .replace(ENCODED_MEMBER, `$1${MASK}`)
    .replace(HEADER, `$1${MASK}`)
    .replace(UNQUOTED, `$1${MASK}`)
    .replace(ASSIGNMENT, `$1${MASK}`)
    .replace(USER_INFO, `$1${MASK}@`)
    .replace(ODD_PASSWORD, `$1${MASK}@`)
    .replace(BEARER, `$1${MASK}`)
    .replace(BASIC, maskBasic)
    .replace(MARKED, `$1@@@${MASK}`);
}

function maskBasic(match: string, scheme: string, value: string): string {
  const isCredential = USER_AND_COLON.test(Buffer.from(value, 'base64').toString('utf8'));
  return isCredential ? `${scheme}${MASK}` : match;
}

/**
 * Copies a foreign error so that it is safe to keep as `cause`: its name, code, message and stack
 * with credentials masked, and its own causes, but no other field. Foreign errors may carry whole
 * requests (Node's "Invalid URL" keeps the URL in `input`), so their objects are never passed on.
 */
export function toSafeCause(error: unknown, secrets: readonly string[] = [], depth = 0): Error {
  if (!isError(error)) return new Error(redact(describeThrown(error), secrets));
  const read = (field: string): string | undefined => {
    const text = readText(error, field);
    return text === undefined ? undefined : redact(text, secrets);
  };
  const safe = new Error(read('message'));
  safe.name = read('name') ?? 'Error';
  safe.stack = redact(stackOf(error), secrets);
  const code = read('code');
  if (code !== undefined) Object.assign(safe, { code });
  const inner = innerError(error);
  if (inner !== undefined && depth < DEEPEST_CAUSE) {
    safe.cause = toSafeCause(inner, secrets, depth + 1);
  }
  return safe;
}

/** Returns the stack of a foreign error, or its name and message. */
export function stackOf(error: Error): string {
  const describe = (): string =>
    `${readText(error, 'name') ?? 'Error'}: ${readText(error, 'message') ?? ''}`;
  return readText(error, 'stack') ?? describe();
}

/** Recognises errors of other realms too, such as Node's own within Jest. */
export function isError(value: unknown): value is Error {
  return isNativeError(value) || value instanceof Error;
}

/** Returns the first error of an `AggregateError`, else the cause. */
export function innerError(error: Error): unknown {
  const errors = readField(error, 'errors');
  return Array.isArray(errors) ? errors[0] : readField(error, 'cause');
}

/** The fields of a foreign error may have any type, whatever its class says. */
function readText(error: Error, field: string): string | undefined {
  const value = readField(error, field);
  return typeof value === 'string' ? value : undefined;
}

/** Reads a field that may be a getter, which may throw. */
function readField(error: Error, field: string): unknown {
  try {
    return (error as unknown as Record<string, unknown>)[field];
  } catch {
    return undefined;
  }
}

/**
 * Describes a thrown value. Objects are only named: converting them to text may show anything, or
 * fail.
 */
function describeThrown(value: unknown): string {
  return typeof value === 'object' && value !== null
    ? 'an object that is not an Error'
    : String(value);
}

import { isNativeError } from 'node:util/types';

const MASK = '[redacted]';

/** Names of credentials of WeChat and COS in query strings, forms, headers or JSON. */
const SECRET_NAMES =
  'access_token|cloudbase_access_token|component_access_token|authorizer_access_token|appsecret|secret|' +
  'authorization|signature|q-signature|q-ak|x-cos-security-token|x-cos-meta-fileid|cos_file_id|token|sign';

const ASSIGNMENT = new RegExp(`(?<![\\w-])(${SECRET_NAMES})=([^&\\s"'<>]+)`, 'gi');
/**
 * Matches members in JSON (also within a JSON text) and in inspected objects. A truncated value
 * ends with the text.
 */
const MEMBER = new RegExp(
  `(?<![\\w-])((?:${SECRET_NAMES})\\\\*["']?\\s*:\\s*\\\\*)(["'])(?:\\\\[^]|(?!\\2)[^\\\\])*(?:\\2|\\\\?$)`,
  'gi',
);
const HEADER =
  /(?<![\w-])((?:authorization|x-cos-security-token|x-cos-meta-fileid)\s*:[^\S\r\n]*)(?!\\*["'])[^\s][^\r\n]*/gi;

/** Shorter values are not masked literally, as that would mask ordinary words. */
const SHORTEST_LITERAL = 6;

/** The deepest copied cause; a limit, so that a cycle ends. */
const DEEPEST_CAUSE = 4;

/**
 * Masks credentials in a text: `name=value` pairs and JSON members with a credential's name, and
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
    .replace(HEADER, `$1${MASK}`)
    .replace(ASSIGNMENT, `$1=${MASK}`);
}

/**
 * Copies a foreign error so that it is safe to keep as `cause`: its name, code, message and stack
 * with credentials masked, and its own causes, but no other field. Foreign errors may carry whole
 * requests (Node's "Invalid URL" keeps the URL in `input`), so their objects are never passed on.
 */
export function toSafeCause(error: unknown, secrets: readonly string[] = [], depth = 0): Error {
  if (!isError(error)) return new Error(redact(describeThrown(error), secrets));
  const safe = new Error(redact(error.message, secrets));
  safe.name = error.name;
  if (error.stack !== undefined) safe.stack = redact(error.stack, secrets);
  if ('code' in error && typeof error.code === 'string') Object.assign(safe, { code: error.code });
  const inner = innerError(error);
  if (inner !== undefined && depth < DEEPEST_CAUSE) {
    safe.cause = toSafeCause(inner, secrets, depth + 1);
  }
  return safe;
}

/** Recognises errors of other realms too, such as Node's own within Jest. */
export function isError(value: unknown): value is Error {
  return isNativeError(value) || value instanceof Error;
}

/** Returns the first error of an `AggregateError`, else the cause. */
export function innerError(error: Error): unknown {
  return 'errors' in error && Array.isArray(error.errors) ? error.errors[0] : error.cause;
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

/** A parsed media type. */
export interface MediaType {
  /** Type and subtype in lower case, e.g. `text/plain`. */
  readonly essence: string;
  /** The parameters by their names in lower case; values without quotes and escapes. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** Maximum length of a media type, in characters. */
const MAX_MEDIA_TYPE_LENGTH = 255;

/**
 * Printable ASCII without the comma. Browsers split the header at commas and take the last type, so
 * they would treat `image/png;,text/html` as a page.
 */
const CHARACTERS = /^[\x20-\x2b\x2d-\x7e]+$/;
/** @see https://www.rfc-editor.org/rfc/rfc6838#section-4.2 */
const ESSENCE = /[a-z\d][\w!#$&^.+-]{0,126}\/[a-z\d][\w!#$&^.+-]{0,126}/iy;
/**
 * A parameter may be empty.
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-5.6.6
 */
const PARAMETER =
  / *; *(?:(?<name>[\w!#$%&'*+.^`|~-]+)=(?:(?<token>[\w!#$%&'*+.^`|~-]+)|"(?<quoted>(?:[^"\\]|\\.)*)"))?/y;
const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/;

/** The content type of objects without a known type. */
export const UNKNOWN_CONTENT_TYPE = 'application/octet-stream';

let detector: Detector | undefined;

/**
 * Parses a media type strictly; undefined for anything that is not exactly one, such as a comma, a
 * control or non-ASCII character, a repeated parameter, or more than 255 characters. Two parsers
 * may disagree about such a text, and one of them may be a browser.
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-8.3.1
 */
export function parseMediaType(text: string): MediaType | undefined {
  if (text.length > MAX_MEDIA_TYPE_LENGTH || !CHARACTERS.test(text)) return undefined;
  const essence = matchAt(ESSENCE, text, 0)?.[0];
  if (essence === undefined) return undefined;
  const parameters = parseParameters(text, essence.length);
  return parameters && { essence: essence.toLowerCase(), parameters };
}

/**
 * Reads a file type from outside, e.g. from a client or a function of the application. Returns the
 * trimmed media type; undefined for anything else.
 */
export function readMediaType(value: unknown): string | undefined {
  const text = typeof value === 'string' ? value.trim() : '';
  return parseMediaType(text) === undefined ? undefined : text;
}

/** Formats a media type in a canonical form. */
export function formatMediaType({ essence, parameters }: MediaType): string {
  const parts = [...parameters].map(([name, value]) => `${name}=${formatValue(value)}`);
  return [essence, ...parts].join('; ');
}

function parseParameters(text: string, from: number): ReadonlyMap<string, string> | undefined {
  const parameters = new Map<string, string>();
  let position = from;
  while (position < text.length) {
    const match = matchAt(PARAMETER, text, position);
    if (match === null) return undefined;
    position += match[0].length;
    const { name, token, quoted } = match.groups ?? {};
    if (name === undefined) continue;
    const key = name.toLowerCase();
    if (parameters.has(key)) return undefined;
    parameters.set(key, token ?? quoted?.replaceAll(/\\(.)/g, '$1') ?? '');
  }
  return parameters;
}

function matchAt(pattern: RegExp, text: string, position: number): RegExpExecArray | null {
  pattern.lastIndex = position;
  return pattern.exec(text);
}

function formatValue(value: string): string {
  return TOKEN.test(value) ? value : `"${value.replaceAll(/["\\]/g, '\\$&')}"`;
}

type Detector = typeof import('file-type').fileTypeFromBuffer;

/**
 * Loads the detector lazily. Loading it takes half as long as loading this whole package, and no
 * application needs it at start-up.
 */
export async function loadDetector(): Promise<Detector> {
  detector ??= (await import('file-type')).fileTypeFromBuffer;
  return detector;
}

/**
 * Detects the media type and the usual extension (without the dot) from the first bytes; undefined
 * when they show none, as with any text format.
 */
export async function detectContentType(
  head: Uint8Array,
): Promise<{ readonly contentType: string; readonly extension: string } | undefined> {
  const detect = detector ?? (await loadDetector());
  // A hostile file can make a parser in the detector fail; it has no recognisable type.
  const found = await detect(head).catch(() => undefined);
  return found === undefined ? undefined : { contentType: found.mime, extension: found.ext };
}

/**
 * True when a media type matches one of the accepted ones: exact, with a wildcard (`image/*`), or
 * `*` for any. Parameters are ignored. A text that is not a media type is never accepted.
 */
export function isAcceptedType(
  contentType: string | undefined,
  accepted: readonly string[],
): boolean {
  const type = parseMediaType(contentType?.trim() ?? '')?.essence;
  if (type === undefined) return false;
  return accepted.some(pattern => {
    const wanted = withoutParameters(pattern);
    if (wanted === '*/*' || wanted === '*') return true;
    return wanted.endsWith('/*') ? type.startsWith(wanted.slice(0, -1)) : type === wanted;
  });
}

function withoutParameters(contentType: string): string {
  return (contentType.split(';', 1)[0] ?? '').trim().toLowerCase();
}

/** A media type, taken apart. */
export interface MediaType {
  /** Type and subtype in lower case, e.g. `text/plain`. */
  readonly essence: string;
  /** The parameters, by their names in lower case; values as they are meant, without quotes. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** The longest text that is read as a media type, in characters. */
const MAX_MEDIA_TYPE_LENGTH = 255;

/**
 * Printable ASCII without the comma. Browsers split the header at commas and take the last type, so
 * that `image/png;,text/html` is a page for them.
 */
const CHARACTERS = /^[\x20-\x2b\x2d-\x7e]+$/;
/** @see https://www.rfc-editor.org/rfc/rfc6838#section-4.2 */
const ESSENCE = /[a-z\d][\w!#$&^.+-]{0,126}\/[a-z\d][\w!#$&^.+-]{0,126}/iy;
/** A parameter may be empty. @see https://www.rfc-editor.org/rfc/rfc9110#section-5.6.6 */
const PARAMETER =
  / *; *(?:(?<name>[\w!#$%&'*+.^`|~-]+)=(?:(?<token>[\w!#$%&'*+.^`|~-]+)|"(?<quoted>(?:[^"\\]|\\.)*)"))?/y;
const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/;

/** The type that an object is stored with when no better one is known. */
export const UNKNOWN_CONTENT_TYPE = 'application/octet-stream';

let detector: Detector | undefined;

/**
 * Reads a media type strictly; undefined for all that is not exactly one: a comma, a control or
 * non-ASCII character, a parameter given twice, more than 255 characters. Two readers of such a
 * text may disagree, and one of them may be a browser.
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
 * Reads what somebody else says of a file's type, such as a client or a function of the
 * application: the media type, without spaces around it; undefined for anything that is not one.
 */
export function readMediaType(value: unknown): string | undefined {
  const text = typeof value === 'string' ? value.trim() : '';
  return parseMediaType(text) === undefined ? undefined : text;
}

/** Writes a media type in one form, whatever form it was read from. */
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
 * Loads the detector, which takes half as long as to load this whole package and is not needed
 * while an application starts.
 */
export async function loadDetector(): Promise<Detector> {
  detector ??= (await import('file-type')).fileTypeFromBuffer;
  return detector;
}

/**
 * Finds the type that the first bytes show; undefined when they show none, as with any text format.
 */
export async function detectContentType(
  head: Uint8Array,
): Promise<{ readonly contentType: string; readonly extension: string } | undefined> {
  const detect = detector ?? (await loadDetector());
  // A hostile file may make a parser inside the detector fail: such a file has no recognisable
  // type.
  const found = await detect(head).catch(() => undefined);
  return found === undefined ? undefined : { contentType: found.mime, extension: found.ext };
}

/**
 * True when a media type is among accepted ones: exact, with a wildcard (`image/*`), or `*` for
 * any. Parameters are ignored; a text that is not one media type is never accepted.
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

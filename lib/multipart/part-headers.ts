import { quoteText, toFileName, withoutFolders } from '../errors/client-text.js';
import { limitPassed } from './form-budget.js';
import { formInvalid, headersMalformed } from './form-errors.js';

/** Each character matches in one way only, here and below, so that every text takes linear time. */
const VALUE = /[ \t]*([^;\s"]*)[ \t]*/y;
/** Some clients write an extra semicolon, between parameters or at the end. */
const SEPARATOR = /(?:;[ \t]*)+/y;
const NAME = /([!#$%&'*+.^`|~\w-]+)[ \t]*(?:=[ \t]*|(?=;|$))/y;
/**
 * A backslash escapes a quote or itself. Any other backslash is literal, as Internet Explorer sends
 * whole paths.
 */
const QUOTED = /"((?:[^"\\]|\\["\\]|\\(?!["\\]))*)"[ \t]*(?=;|$)/y;
const TOKEN = /([^;\t-\r "]*)[ \t]*(?=;|$)/y;
/** React Native does not escape quotes: a quote that cannot end a parameter belongs to the name. */
const QUOTED_FILE_NAME = /"((?:[^"\\]|\\["\\]|\\(?!["\\])|"(?![ \t]*(?:;|$)))*)"[ \t]*(?=;|$)/y;
/**
 * An unquoted name may contain spaces and semicolons, which React Native does not escape in
 * `filename*`. It ends where only another parameter can follow.
 */
const FILE_NAME =
  /([^";].*?|)(?=$|;[ \t]*(?:;|$|(?:name|filename\*?)[ \t]*=)|;[ \t]+[!#$%&'*+.^`|~\w-]+[ \t]*=)/isy;

/**
 * Maximum length of a boundary. The RFC allows 70; a longer one is harmless within limits.
 * @see https://www.rfc-editor.org/rfc/rfc2046#section-5.1.1
 */
const LONGEST_BOUNDARY = 250;

/** Browsers escape no control characters in names except line ends. */
const LINE = /^([!#$%&'*+.^`|~\w-]+):[ \t]*(?![ \t])([^\r\n]*)$/;
const MEDIA_TYPE = /^[!#$%&'*+.^`|~\w-]+\/[!#$%&'*+.^`|~\w-]+$/;

const ESCAPE = /%([\da-f]{2})/gi;
const ESCAPE_IN_NAME = /%(0a|0d|22)/gi;

/**
 * Parses a header such as `form-data; name="photo"; filename="a.png"`; undefined when it is
 * malformed. The value before the parameters and the names of these are in lower case; the first
 * parameter of a name counts.
 * @see https://www.rfc-editor.org/rfc/rfc2045#section-5.1
 */
export function parseHeaderValue(
  text: string,
): { readonly value: string; readonly parameters: ReadonlyMap<string, string> } | undefined {
  const { found: value = '', end = 0 } = read(VALUE, text, 0) ?? {};
  const parameters = new Map<string, string>();
  let position = end;
  while (position < text.length) {
    const separator = read(SEPARATOR, text, position);
    if (separator === undefined) return undefined;
    position = separator.end;
    if (position === text.length) break;
    const name = read(NAME, text, position);
    if (name === undefined) return undefined;
    const key = name.found.toLowerCase();
    const content = readContent(key, text, name.end);
    if (content === undefined) return undefined;
    if (!parameters.has(key)) parameters.set(key, content.found);
    position = content.end;
  }
  return { value: value.toLowerCase(), parameters };
}

/** A match in a header, and the position after it. */
interface Found {
  readonly found: string;
  readonly end: number;
}

function readContent(key: string, text: string, at: number): Found | undefined {
  const isFileName = key === 'filename' || key === 'filename*';
  if (text.charAt(at) !== '"') {
    const content = read(isFileName ? FILE_NAME : TOKEN, text, at);
    return content && { found: content.found.trimEnd(), end: content.end };
  }
  const content =
    read(QUOTED, text, at) ?? (isFileName ? read(QUOTED_FILE_NAME, text, at) : undefined);
  return content && { found: unquote(content.found), end: content.end };
}

/** Matches a sticky pattern. */
function read(pattern: RegExp, text: string, at: number): Found | undefined {
  pattern.lastIndex = at;
  const match = pattern.exec(text);
  return match === null ? undefined : { found: match[1] ?? '', end: pattern.lastIndex };
}

function unquote(quoted: string): string {
  return quoted.includes('\\') ? quoted.replaceAll(/\\(["\\])/g, '$1') : quoted;
}

/** True when the `Content-Type` of a request is a multipart type. */
export function isMultipart(contentType: string | undefined): boolean {
  return /^multipart\//i.test(contentType ?? '');
}

/**
 * Reads the boundary of a form from the `Content-Type` of the request.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_FORM_INVALID` when it is not a form type, or has no
 * usable boundary
 */
export function readBoundary(contentType: string | undefined): string {
  const header = parseHeaderValue(contentType ?? '');
  if (header === undefined) throw formInvalid('its Content-Type is malformed');
  if (header.value !== 'multipart/form-data') throw formInvalid(notAForm(contentType));
  const boundary = header.parameters.get('boundary') ?? '';
  if (boundary === '') {
    throw formInvalid(
      'its Content-Type has no boundary; HTTP clients set this header themselves when they build a form',
    );
  }
  const isUsable = /^[\x20-\x7e\x80-\xff]+$/.test(boundary) && boundary.length <= LONGEST_BOUNDARY;
  if (!isUsable) {
    throw formInvalid(
      `the boundary in its Content-Type has control characters or more than ${LONGEST_BOUNDARY} bytes`,
    );
  }
  return boundary;
}

/** Describes a `Content-Type` that is not a form, as the end of a sentence. */
export function notAForm(contentType: string | undefined): string {
  const given = contentType === undefined ? 'missing' : quoteText(contentType);
  return `its Content-Type is ${given}; it has to be multipart/form-data`;
}

/**
 * Checks that the body of a form is not compressed.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_FORM_INVALID` when it is compressed
 */
export function assertNotEncoded(contentEncoding: string | undefined): void {
  const encoding = contentEncoding?.trim().toLowerCase() ?? '';
  if (encoding === '' || encoding === 'identity') return;
  throw formInvalid(
    `its body is compressed (Content-Encoding ${quoteText(encoding)}); send it uncompressed`,
  );
}

/** The headers of one part. */
export interface PartHeaders {
  /** The field name; undefined when missing or empty. */
  readonly name: string | undefined;
  /** Number of bytes of the name in the form. */
  readonly nameBytes: number;
  /** The file name, safe to show; empty for a file without a name, undefined for a text field. */
  readonly fileName: string | undefined;
  /** The media type without parameters; `text/plain` when missing or malformed. */
  readonly mimetype: string;
  /** The character encoding of the text; undefined when not given. */
  readonly charset: string | undefined;
  /** The `Content-Transfer-Encoding`: reported, but not decoded, as browsers do not use it. */
  readonly encoding: string;
}

/**
 * Parses the headers of a part; undefined when the part does not belong to a form. The text is
 * UTF-8, as browsers send it.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_FORM_INVALID` with the number of the part when it
 * is malformed, or has more than `headerPairs` lines
 * @see https://www.rfc-editor.org/rfc/rfc7578#section-4.2
 */
export function parsePartHeaders(
  head: Buffer,
  headerPairs: number,
  part: number,
): PartHeaders | undefined {
  const headers = readHeaders(head, headerPairs, part);
  const disposition = parseHeaderValue(headers.get('content-disposition') ?? '');
  if (disposition === undefined) {
    throw headersMalformed(part, 'its Content-Disposition cannot be read');
  }
  const { value, parameters } = disposition;
  if (value !== 'form-data') return undefined;
  const name = parameters.get('name') ?? '';
  const { mimetype, charset } = readContentType(headers.get('content-type'));
  return {
    name: name === '' ? undefined : decodeName(name),
    nameBytes: name.length,
    fileName: readFileName(parameters),
    mimetype,
    charset,
    encoding: (headers.get('content-transfer-encoding') ?? '7bit').toLowerCase(),
  };
}

/**
 * Reads the headers by their names in lower case, one byte per character; the first of a name
 * counts.
 */
function readHeaders(head: Buffer, headerPairs: number, part: number): ReadonlyMap<string, string> {
  const text = head.toString('latin1').replaceAll(/\r\n[\t ]+/g, ' ');
  const lines = text.split('\r\n').slice(0, -1);
  if (lines.length > headerPairs) {
    throw limitPassed('headerPairs', `a part has more than ${headerPairs} headers`);
  }
  const headers = new Map<string, string>();
  for (const [index, line] of lines.entries()) {
    const [, name, value = ''] = LINE.exec(line) ?? [];
    if (name === undefined) {
      throw headersMalformed(part, `line ${index + 1} is not of the form "name: value"`);
    }
    const key = name.toLowerCase();
    if (!headers.has(key)) headers.set(key, value);
  }
  return headers;
}

/** Reads the type of a part. An unreadable type counts as missing. */
function readContentType(text: string | undefined): Pick<PartHeaders, 'mimetype' | 'charset'> {
  const parsed = text === undefined ? undefined : parseHeaderValue(text);
  const { value = '', parameters } = parsed ?? {};
  const mimetype = MEDIA_TYPE.test(value) ? value : 'text/plain';
  return { mimetype, charset: parameters?.get('charset') };
}

function readFileName(parameters: ReadonlyMap<string, string>): string | undefined {
  const plain = parameters.get('filename');
  const name = decodeExtended(parameters.get('filename*')) ?? (plain && decodeName(plain));
  // Still a file: its bytes must not become text.
  if (name === undefined && parameters.has('filename*')) return '';
  return name && withoutFolders(name) && toFileName(name);
}

/**
 * Decodes an extended parameter such as `UTF-8''%E7%8C%AB.png`, which some clients send; undefined
 * when it is not one.
 * @see https://www.rfc-editor.org/rfc/rfc5987
 */
function decodeExtended(text = ''): string | undefined {
  const found = /^(utf-8|iso-8859-1)'[\w-]*'((?:[^%]|%[\da-f]{2})+)$/i.exec(text);
  if (found === null) return undefined;
  const [, charset = '', value = ''] = found;
  const bytes = Buffer.from(value.replaceAll(ESCAPE, toCharacter), 'latin1');
  return bytes.toString(charset.toLowerCase() === 'utf-8' ? 'utf8' : 'latin1');
}

function toCharacter(_: string, digits: string): string {
  return String.fromCharCode(Number.parseInt(digits, 16));
}

/**
 * Decodes a name. Names are UTF-8, in which browsers escape only the three characters that could
 * end a name.
 * @see https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#multipart-form-data
 */
function decodeName(name: string): string {
  // Always a copy: a substring would keep all headers in memory.
  const text = Buffer.from(name, 'latin1').toString('utf8');
  return text.includes('%') ? text.replaceAll(ESCAPE_IN_NAME, toCharacter) : text;
}

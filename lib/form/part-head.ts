import { toFileName, withoutFolders } from './client-text.js';
import { limitPassed } from './form-budget.js';
import { headersMalformed } from './form-invalid.js';
import { parseHeaderValue, type HeaderValue } from './header-value.js';

/** What a form says of one of its parts. */
export interface PartHead {
  /** The name of the field; undefined when there is none, or an empty one. */
  readonly name: string | undefined;
  /** How many bytes the name takes in the form. */
  readonly nameBytes: number;
  /**
   * The name of the file, safe to show; empty when it has none, undefined when the part is a text
   * field.
   */
  readonly fileName: string | undefined;
  /** The media type, without parameters; `text/plain` when none is given, or a malformed one. */
  readonly mimetype: string;
  /** How text is encoded, as the part says; undefined when it says nothing. */
  readonly charset: string | undefined;
  /** The `Content-Transfer-Encoding`: told, not undone, as no browser uses any. */
  readonly encoding: string;
}

/** Browsers escape no control characters in names but line ends. */
const LINE = /^([!#$%&'*+.^`|~\w-]+):[ \t]*(?![ \t])([^\r\n]*)$/;
const MEDIA_TYPE = /^[!#$%&'*+.^`|~\w-]+\/[!#$%&'*+.^`|~\w-]+$/;

/**
 * Reads the head of a part; undefined when the part is not one of a form's. Its text is UTF-8, as
 * browsers send it.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_FORM_INVALID` when it is malformed, which tells the
 * number of the part, or has more than `headerPairs` lines
 * @see https://www.rfc-editor.org/rfc/rfc7578#section-4.2
 */
export function parsePartHead(
  head: Buffer,
  headerPairs: number,
  part: number,
): PartHead | undefined {
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

/** The headers by their names in lower case, one byte a character; the first one of a name counts. */
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

/** A type that cannot be read is as good as none. */
function readContentType(text: string | undefined): Pick<PartHead, 'mimetype' | 'charset'> {
  const parsed = text === undefined ? undefined : parseHeaderValue(text);
  const { value = '', parameters } = parsed ?? {};
  const mimetype = MEDIA_TYPE.test(value) ? value : 'text/plain';
  return { mimetype, charset: parameters?.get('charset') };
}

function readFileName(parameters: HeaderValue['parameters']): string | undefined {
  const plain = parameters.get('filename');
  const name = decodeExtended(parameters.get('filename*')) ?? (plain && decodeName(plain));
  // It is a file's all the same: its bytes are not to become text.
  if (name === undefined && parameters.has('filename*')) return '';
  return name && withoutFolders(name) && toFileName(name);
}

/** `UTF-8''%E7%8C%AB.png`, which some clients send; undefined when it is none. @see https://www.rfc-editor.org/rfc/rfc5987 */
function decodeExtended(text = ''): string | undefined {
  const found = /^(utf-8|iso-8859-1)'[\w-]*'((?:[^%]|%[\da-f]{2})+)$/i.exec(text);
  if (found === null) return undefined;
  const [, charset = '', value = ''] = found;
  const bytes = Buffer.from(value.replaceAll(ESCAPE, toCharacter), 'latin1');
  return bytes.toString(charset.toLowerCase() === 'utf-8' ? 'utf8' : 'latin1');
}

const ESCAPE = /%([\da-f]{2})/gi;
const ESCAPE_IN_NAME = /%(0a|0d|22)/gi;

function toCharacter(_: string, digits: string): string {
  return String.fromCharCode(Number.parseInt(digits, 16));
}

/**
 * Names are UTF-8, in which browsers escape just the three characters that could end one.
 * @see https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#multipart-form-data
 */
function decodeName(name: string): string {
  // A copy in any case: a part of a long head would keep all of it in memory.
  const text = Buffer.from(name, 'latin1').toString('utf8');
  return text.includes('%') ? text.replaceAll(ESCAPE_IN_NAME, toCharacter) : text;
}

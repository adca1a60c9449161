import { limitPassed } from './form-budget.js';
import { formBroken } from './form-invalid.js';
import { parseHeaderValue, type HeaderValue } from './header-value.js';

/** What a form says of one of its parts. */
export interface PartHead {
  /** The name of the field; undefined when there is none, or an empty one. */
  readonly name: string | undefined;
  /** How many bytes the name takes in the form. */
  readonly nameBytes: number;
  /** The name of the file, without folders; undefined when the part is a text field. */
  readonly fileName: string | undefined;
  /** The media type, without parameters. */
  readonly mimetype: string;
  /** How text is encoded, as the part says; undefined when it says nothing. */
  readonly charset: string | undefined;
  /** The `Content-Transfer-Encoding`: told, not undone, as no browser uses any. */
  readonly encoding: string;
}

const LINE = /^([!#$%&'*+.^`|~\w-]+):[ \t]*(?![ \t])([\t\x20-\x7e\x80-\xff]*)$/;

/**
 * Reads the head of a part; undefined when the part is not one of a form's. Its text is UTF-8, as browsers send it.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_FORM_INVALID` when it is malformed, or has more than `headerPairs` lines
 * @see https://www.rfc-editor.org/rfc/rfc7578#section-4.2
 */
export function parsePartHead(head: Buffer, headerPairs: number): PartHead | undefined {
  const headers = readHeaders(head, headerPairs);
  const disposition = headers.get('content-disposition');
  const { value, parameters } = parse(disposition ?? '');
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
function readHeaders(head: Buffer, headerPairs: number): ReadonlyMap<string, string> {
  const text = head.toString('latin1').replaceAll(/\r\n[\t ]+/g, ' ');
  const lines = text.split('\r\n').slice(0, -1);
  if (lines.length > headerPairs) {
    throw limitPassed('headerPairs', `a part has more than ${headerPairs} headers`);
  }
  const headers = new Map<string, string>();
  for (const line of lines) {
    const [, name, value = ''] = LINE.exec(line) ?? [];
    if (name === undefined) throw formBroken();
    const key = name.toLowerCase();
    if (!headers.has(key)) headers.set(key, value);
  }
  return headers;
}

function parse(text: string): HeaderValue {
  const parsed = parseHeaderValue(text);
  if (parsed === undefined) throw formBroken();
  return parsed;
}

/** A type that cannot be read is as good as none. */
function readContentType(text: string | undefined): Pick<PartHead, 'mimetype' | 'charset'> {
  const parsed = text === undefined ? undefined : parseHeaderValue(text);
  const { value = '', parameters } = parsed ?? {};
  const mimetype = /^[^/]+\/[^/]+$/.test(value) ? value : 'text/plain';
  return { mimetype, charset: parameters?.get('charset') };
}

function readFileName(parameters: HeaderValue['parameters']): string | undefined {
  const plain = parameters.get('filename');
  const name = decodeExtended(parameters.get('filename*')) ?? (plain && decodeName(plain));
  // It is a file's all the same: its bytes are not to become text.
  if (name === undefined && parameters.has('filename*')) return '';
  return name && withoutFolders(name);
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
  const text = /[\x80-\xff]/.test(name) ? Buffer.from(name, 'latin1').toString('utf8') : name;
  return text.includes('%') ? text.replaceAll(ESCAPE_IN_NAME, toCharacter) : text;
}

/** Some browsers send the whole path that a file has on the client. */
function withoutFolders(name: string): string {
  const last = name.slice(Math.max(name.lastIndexOf('/'), name.lastIndexOf('\\')) + 1);
  return last === '.' || last === '..' ? '' : last;
}

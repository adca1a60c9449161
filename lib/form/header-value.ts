/** A header such as `form-data; name="photo"; filename="a.png"`. */
export interface HeaderValue {
  /** What comes before the parameters, in lower case. */
  readonly value: string;
  /** The parameters by their names in lower case; the first one of a name counts. */
  readonly parameters: ReadonlyMap<string, string>;
}

/**
 * There is one way to read each character, here and below, so that no text takes more than linear
 * time.
 */
const VALUE = /[ \t]*([^;\s"]*)[ \t]*/y;
/** Some clients write a semicolon too many, between parameters or at the end. */
const SEPARATOR = /(?:;[ \t]*)+/y;
const NAME = /([!#$%&'*+.^`|~\w-]+)[ \t]*(?:=[ \t]*|(?=;|$))/y;
/**
 * A backslash escapes a quote and itself; any other is itself, as Internet Explorer sends whole
 * paths.
 */
const QUOTED = /"((?:[^"\\]|\\["\\]|\\(?!["\\]))*)"[ \t]*(?=;|$)/y;
const TOKEN = /([^;\t-\r "]*)[ \t]*(?=;|$)/y;
/** React Native does not escape quotes: one that no parameter can end with belongs to the name. */
const QUOTED_FILE_NAME = /"((?:[^"\\]|\\["\\]|\\(?!["\\])|"(?![ \t]*(?:;|$)))*)"[ \t]*(?=;|$)/y;
/**
 * A name without quotes may have spaces and semicolons, which React Native does not escape in
 * `filename*`. Its end is what can only be the next parameter.
 */
const FILE_NAME =
  /([^";].*?|)(?=$|;[ \t]*(?:;|$|(?:name|filename\*?)[ \t]*=)|;[ \t]+[!#$%&'*+.^`|~\w-]+[ \t]*=)/isy;

/** Takes a header apart; undefined when it is malformed. @see https://www.rfc-editor.org/rfc/rfc2045#section-5.1 */
export function parseHeaderValue(text: string): HeaderValue | undefined {
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

/** A part of a header, and where it ends. */
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

/** Reads with a sticky pattern. */
function read(pattern: RegExp, text: string, at: number): Found | undefined {
  pattern.lastIndex = at;
  const match = pattern.exec(text);
  return match === null ? undefined : { found: match[1] ?? '', end: pattern.lastIndex };
}

function unquote(quoted: string): string {
  return quoted.includes('\\') ? quoted.replaceAll(/\\(["\\])/g, '$1') : quoted;
}

/** A header such as `form-data; name="photo"; filename="a.png"`. */
export interface HeaderValue {
  /** What comes before the parameters, in lower case. */
  readonly value: string;
  /** The parameters by their names in lower case; the first one of a name counts. */
  readonly parameters: ReadonlyMap<string, string>;
}

const VALUE = /[ \t]*([^;\s"]*)[ \t]*/y;

/**
 * One parameter. In quotes, a backslash escapes a quote and itself; any other is itself, as Internet Explorer sends whole
 * paths. There is one way to read each character, so that no text takes more than linear time.
 */
const PARAMETER =
  /;[ \t]*([!#$%&'*+.^`|~\w-]+)=(?:"((?:[^"\\]|\\["\\]|\\(?!["\\]))*)"|([^;\t-\r "]+))[ \t]*/y;

/** Takes a header apart; undefined when it is malformed. @see https://www.rfc-editor.org/rfc/rfc2045#section-5.1 */
export function parseHeaderValue(text: string): HeaderValue | undefined {
  VALUE.lastIndex = 0;
  const value = (VALUE.exec(text)?.[1] ?? '').toLowerCase();
  const parameters = new Map<string, string>();
  let position = VALUE.lastIndex;
  while (position < text.length) {
    PARAMETER.lastIndex = position;
    const found = PARAMETER.exec(text);
    if (found === null) return undefined;
    const [, name = '', quoted, token = ''] = found;
    const key = name.toLowerCase();
    if (!parameters.has(key)) parameters.set(key, quoted === undefined ? token : unquote(quoted));
    position = PARAMETER.lastIndex;
  }
  return { value, parameters };
}

function unquote(quoted: string): string {
  return quoted.includes('\\') ? quoted.replaceAll(/\\(["\\])/g, '$1') : quoted;
}

/** An element of an XML document. Attributes and comments are left out. */
export interface XmlNode {
  /** The name. */
  readonly name: string;
  /** The text directly in the element. */
  readonly text: string;
  /** The elements directly in it, in order. */
  readonly children: readonly XmlNode[];
}

/** An element that is still open. */
interface OpenElement {
  readonly name: string;
  text: string;
  readonly children: XmlNode[];
}

/** A declaration, comment, section of raw text, tag or text. */
const TOKEN =
  /<\?[^]*?\?>|<!--[^]*?-->|<!\[CDATA\[([^]*?)\]\]>|<(\/?)([\w:.-]+)(?:\s[^<>]*?)?(\/?)>|([^<]+)/y;

/** COS nests four levels at most. */
const DEEPEST = 16;

const ENTITIES: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
};

/**
 * Parses an XML document of COS and returns its outermost element; undefined for anything that is
 * not one whole element, such as a document that was cut off. White space around it does not count:
 * COS keeps slow responses alive with it. There are no entities but the built-in ones, so a
 * document cannot grow.
 */
export function parseXml(text: string): XmlNode | undefined {
  const root: OpenElement = { name: '', text: '', children: [] };
  const open: OpenElement[] = [root];
  TOKEN.lastIndex = 0;
  const source = text.trim();
  while (TOKEN.lastIndex < source.length) {
    const token = TOKEN.exec(source);
    if (token === null || !take(token, open)) return undefined;
  }
  const isWhole = open.length === 1 && root.text.trim() === '' && root.children.length === 1;
  return isWhole ? root.children[0] : undefined;
}

/** Adds a token to the innermost open element; false when it does not belong there. */
function take(token: RegExpExecArray, open: OpenElement[]): boolean {
  const [, raw, slash, name, isEmpty, text] = token;
  const inner = open.at(-1);
  if (inner === undefined) return false;
  if (text !== undefined) inner.text += decodeEntities(text);
  else if (raw !== undefined) inner.text += raw;
  else if (name !== undefined && slash === '/') {
    if (open.length === 1 || inner.name !== name) return false;
    open.pop();
  } else if (name !== undefined) {
    if (open.length > DEEPEST) return false;
    const element: OpenElement = { name, text: '', children: [] };
    inner.children.push(element);
    if (isEmpty !== '/') open.push(element);
  }
  return true;
}

function decodeEntities(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(/&(?:#x([\da-f]{1,6})|#(\d{1,7})|(\w+));/gi, (whole, hex, decimal, name) => {
    if (name !== undefined) return ENTITIES[String(name)] ?? whole;
    const code = hex === undefined ? Number(decimal) : Number.parseInt(String(hex), 16);
    return code <= 0x10_ff_ff ? String.fromCodePoint(code) : whole;
  });
}

/** Returns the elements with a name directly in another one. */
export function childrenOf(element: XmlNode, name: string): readonly XmlNode[] {
  return element.children.filter(child => child.name === name);
}

/** Returns the text of the first element with a name directly in another one. */
export function textOf(element: XmlNode, name: string): string | undefined {
  return element.children.find(child => child.name === name)?.text;
}

/** Escapes a text for the content of an element. */
export function escapeXml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

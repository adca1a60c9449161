import { CosRefusal } from '../../state/refusals.js';
import type { Exchange } from '../exchange.js';
import { cosHeaders, type EmulatedResponse, escapeXml, textResponse } from '../responses.js';

/** An element: its text without that of its children, and its children in order. */
export interface XmlElement {
  /** The name. */
  readonly name: string;
  /** The text, with entities decoded. */
  readonly text: string;
  /** The elements in it. */
  readonly children: readonly XmlElement[];
}

/** The content of an element to write: text, or elements that are already written. */
type XmlContent = string | readonly string[];

/** The limit of COS for the document of a Complete request with 10,000 parts, rounded up. */
const MAX_DOCUMENT_BYTES = 2_097_152;

const TOKEN =
  /<\?[^>]*\?>|<!--.*?-->|<(?<end>\/?)(?<name>[A-Za-z][\w.:-]*)[^<>]*?(?<empty>\/?)>|(?<text>[^<]+)/sy;
const ENTITY = /&(?:#x(?<hex>[\da-f]{1,6})|#(?<decimal>\d{1,7})|(?<name>[a-z]{2,4}));/gi;
const ENTITIES: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
};

/** Writes an element. Texts are escaped, written elements are not. */
export function element(name: string, content: XmlContent): string {
  const inner = typeof content === 'string' ? escapeXml(content) : content.join('');
  return `<${name}>${inner}</${name}>`;
}

/** Writes a document. */
export function documentOf(root: string, content: readonly string[]): string {
  return `<?xml version='1.0' encoding='utf-8' ?>\n${element(root, content)}\n`;
}

/** Creates a response with an XML document. */
export function toXmlResponse(document: string): EmulatedResponse {
  const response = textResponse(200, 'application/xml', document);
  return { ...response, headers: { ...response.headers, ...cosHeaders() } };
}

/** Reads the body of a request with a limit. */
export async function readDocument(exchange: Exchange): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of exchange.body()) {
    chunks.push(chunk);
    if (exchange.requestBytes > MAX_DOCUMENT_BYTES) throw malformed();
  }
  return Buffer.concat(chunks);
}

/**
 * Parses a document and returns its root.
 * @throws {@link CosRefusal} MalformedXML if it is not well-formed, or the root has another name
 */
export function parseDocument(text: string, rootName: string): XmlElement {
  const root = { name: '', text: '', children: [] as XmlElement[] };
  const open: { name: string; text: string; children: XmlElement[] }[] = [root];
  const trimmed = text.trim();
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < trimmed.length) {
    const groups = TOKEN.exec(trimmed)?.groups;
    const current = open.at(-1);
    if (groups === undefined || current === undefined) throw malformed();
    const { end, name, empty, text: characters } = groups;
    if (characters !== undefined) current.text += decodeEntities(characters);
    else if (end === '/') {
      if (open.length === 1 || open.pop()?.name !== name) throw malformed();
    } else if (name !== undefined) {
      const child = { name, text: '', children: [] };
      current.children.push(child);
      if (empty !== '/') open.push(child);
    }
  }
  const [first, another] = root.children;
  const isOne = open.length === 1 && another === undefined && root.text.trim() === '';
  if (isOne && first?.name === rootName) return first;
  throw malformed();
}

/** Returns the text of a child; undefined if there is none. */
export function textOf(parent: XmlElement, name: string): string | undefined {
  return parent.children.find(child => child.name === name)?.text;
}

/** Creates the refusal of a document. */
export function malformed(): CosRefusal {
  return new CosRefusal(
    'MalformedXML',
    'The XML you provided was not well-formed or did not validate against our published schema.',
  );
}

function decodeEntities(text: string): string {
  return text.replaceAll(ENTITY, (entity, ...rest: unknown[]) => {
    const { hex, decimal, name } = rest.at(-1) as Readonly<Record<string, string | undefined>>;
    if (name !== undefined) return ENTITIES[name.toLowerCase()] ?? entity;
    const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
    return code <= 0x10_ffff ? String.fromCodePoint(code) : entity;
  });
}

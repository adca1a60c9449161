import { parseSync } from 'oxc-parser';

/** A node of the syntax tree, read by property name. */
export interface SyntaxNode {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [property: string]: unknown;
}

/** A comment of a source file, without its marks. */
export interface SourceComment {
  readonly type: 'Line' | 'Block';
  readonly value: string;
  readonly start: number;
  readonly end: number;
}

/** A parsed source file; `path` is relative to the folder that was read, with forward slashes. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
  readonly program: SyntaxNode;
  readonly comments: readonly SourceComment[];
}

/** Parses TypeScript or JavaScript; a syntax error is thrown with the path. */
export function parseSource(path: string, text: string): SourceFile {
  const { program, comments, errors } = parseSync(path, text, { sourceType: 'module' });
  if (errors[0] !== undefined) throw new Error(`${path}: ${errors[0].message}`);
  return { path, text, program: program as unknown as SyntaxNode, comments };
}

/** The node under a property, if there is one. */
export function nodeAt(node: SyntaxNode, property: string): SyntaxNode | undefined {
  const value = node[property];
  return isNode(value) ? value : undefined;
}

/** The nodes of a list under a property; holes of the list are left out. */
export function nodesAt(node: SyntaxNode, property: string): readonly SyntaxNode[] {
  const value = node[property];
  return Array.isArray(value) ? value.filter(isNode) : [];
}

/** The text under a property, if it is text. */
export function textAt(node: SyntaxNode, property: string): string | undefined {
  const value = node[property];
  return typeof value === 'string' ? value : undefined;
}

/** The nodes directly below a node, in source order. */
export function childrenOf(node: SyntaxNode): readonly SyntaxNode[] {
  return Object.values(node).flat().filter(isNode);
}

/** A node and everything below it, except what lies below a node that `skips` names. */
export function withDescendants(
  node: SyntaxNode,
  skips: (inner: SyntaxNode) => boolean = () => false,
): readonly SyntaxNode[] {
  if (skips(node)) return [];
  return [node, ...childrenOf(node).flatMap(inner => withDescendants(inner, skips))];
}

function isNode(value: unknown): value is SyntaxNode {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value;
}

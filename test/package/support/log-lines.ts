import {
  childrenOf,
  nodeAt,
  nodesAt,
  type SourceFile,
  type SyntaxNode,
  textAt,
  withDescendants,
} from './syntax-tree.js';

/** A call that writes a log line. */
export interface LogLine {
  readonly path: string;
  /** The method of the logger; `Node` for a warning of the process. */
  readonly level: string;
  /** The text, with `…` for what is only known when it runs. */
  readonly text: string;
}

/** Stands for a part that is only known when the program runs. */
const OPEN = '…';

/** Objects with methods that write log lines, by the end of the expression. */
const LOGGER = /(?:^|[.#])(?:logger|diag|parts|warnings)$/;
const METHODS = ['log', 'warn', 'error', 'debug', 'emitWarning'];

/** The log lines that a file writes, in order. */
export function logLinesOf({ path, text, program }: SourceFile): readonly LogLine[] {
  const nodes = withDescendants(program);
  const constants = constantsOf(nodes);
  return nodes.flatMap(node => {
    if (node.type !== 'CallExpression') return [];
    const callee = nodeAt(node, 'callee');
    const level = callee && levelOf(callee, text);
    if (level === undefined) return [];
    const given = nodesAt(node, 'arguments');
    // The first argument of a rare warning is its kind.
    const isRare = callee !== undefined && sourceOf(callee, text).endsWith('warnings.warn');
    const line = given[isRare ? 1 : 0];
    return [{ path, level, text: line === undefined ? OPEN : readText(line, constants) }];
  });
}

/** The level of a call; undefined for a call that writes no log line. */
function levelOf(callee: SyntaxNode, text: string): string | undefined {
  // A function that is passed on to write warnings.
  if (callee.type === 'Identifier') return textAt(callee, 'name') === 'warn' ? 'warn' : undefined;
  const [object, property] = [nodeAt(callee, 'object'), nodeAt(callee, 'property')];
  if (object === undefined || property?.type !== 'Identifier') return undefined;
  const method = textAt(property, 'name') ?? '';
  const receiver = sourceOf(object, text);
  if (!METHODS.includes(method)) return undefined;
  if (receiver === 'process') return 'Node';
  if (!LOGGER.test(receiver)) return undefined;
  return receiver === 'diag' ? `diag.${method}` : method;
}

function sourceOf({ start, end }: SyntaxNode, text: string): string {
  return text.slice(start, end);
}

function constantsOf(nodes: readonly SyntaxNode[]): ReadonlyMap<string, SyntaxNode> {
  const found = nodes.flatMap(node => {
    const [id, init] = [nodeAt(node, 'id'), nodeAt(node, 'init')];
    if (node.type !== 'VariableDeclarator' || id === undefined || init === undefined) return [];
    return [[textAt(id, 'name') ?? '', init] as const];
  });
  return new Map(found);
}

function readText(node: SyntaxNode, constants: ReadonlyMap<string, SyntaxNode>): string {
  return partsOf(node, constants).join('').replaceAll(/…+/g, OPEN);
}

function partsOf(node: SyntaxNode, constants: ReadonlyMap<string, SyntaxNode>): readonly string[] {
  if (node.type === 'BinaryExpression') {
    return childrenOf(node).flatMap(side => partsOf(side, constants));
  }
  if (node.type === 'TemplateLiteral') {
    const fixed = nodesAt(node, 'quasis').map(({ value }) => (value as { cooked: string }).cooked);
    return fixed.flatMap((part, index) => (index === 0 ? [part] : [OPEN, part]));
  }
  const known = constants.get(textAt(node, 'name') ?? '');
  if (node.type === 'Identifier' && known !== undefined) return partsOf(known, constants);
  return [textAt(node, 'value') ?? OPEN];
}

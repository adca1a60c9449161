import { targetOf } from './import-rules.js';
import {
  childrenOf,
  nodeAt,
  nodesAt,
  type SourceComment,
  type SourceFile,
  type SyntaxNode,
  textAt,
} from './syntax-tree.js';

/** The files of the tree by path. */
export type SourceTree = ReadonlyMap<string, SourceFile>;

/** One name that a file exports, and the file and statements that declare it. */
export interface ExportedName {
  readonly name: string;
  readonly file: SourceFile;
  readonly statements: readonly SyntaxNode[];
}

/**
 * Names what has no doc comment among the exports of a file, followed through re-exports, the types
 * that these refer to, and the members of all of them: `path: Name` or `path: Name.member`.
 */
export function undocumentedExportsOf(tree: SourceTree, entry: string): readonly string[] {
  const undocumented = surfaceOf(tree, entry).flatMap(({ name, file, statements }) => {
    const missing = undocumentedStatements(file, statements).map(() => name);
    const members = statements.flatMap(statement => membersOf(declarationOf(statement), name));
    const bare = members.filter(({ node }) => !isDocumented(file, node)).map(({ path }) => path);
    return [...missing, ...bare].map(path => `${file.path}: ${path}`);
  });
  return [...new Set(undocumented)];
}

/** The exports of a file, and all declarations that their types lead to, exported or not. */
function surfaceOf(tree: SourceTree, entry: string): readonly ExportedName[] {
  const surface = [...exportsOf(tree, entry)];
  const known = new Set(surface.flatMap(({ statements }) => statements));
  // Grows while it is read.
  for (const { file, statements } of surface) {
    const names = statements.flatMap(statement => typesIn(file, statement));
    const found = [...new Set(names)].flatMap(name => declarationsOf(tree, file, name));
    for (const one of found.filter(({ statements: [first] }) => first && !known.has(first))) {
      for (const statement of one.statements) known.add(statement);
      surface.push(one);
    }
  }
  return surface;
}

/** The types that a declaration shows, without those in code and in private or internal members. */
function typesIn(file: SourceFile, node: SyntaxNode): readonly string[] {
  const isSkipped = node.type === 'BlockStatement' || node.type === 'Decorator' || isHidden(node);
  if (isSkipped || (MEMBER_TYPES.has(node.type) && isInternal(file, node))) return [];
  const reference = nodeAt(node, REFERENCES[node.type] ?? '');
  const own = reference?.type === 'Identifier' ? [textAt(reference, 'name') ?? ''] : [];
  return [...own, ...childrenOf(node).flatMap(inner => typesIn(file, inner))];
}

/** The names that a file exports, followed through re-exports of the tree. */
export function exportedNamesOf(tree: SourceTree, entry: string): readonly string[] {
  return [...new Set(exportsOf(tree, entry).map(({ name }) => name))];
}

/** The exports of a file with their declarations, followed through re-exports of the tree. */
export function exportsOf(tree: SourceTree, path: string): readonly ExportedName[] {
  const file = tree.get(path);
  if (file === undefined) throw new Error(`${path} does not exist`);
  return nodesAt(file.program, 'body').flatMap(statement => {
    if (statement.type === 'ExportAllDeclaration') {
      const target = sourceOf(file, statement);
      return target === undefined ? [] : exportsOf(tree, target);
    }
    if (statement.type === 'ExportDefaultDeclaration') {
      return [{ name: 'default', file, statements: [statement] }];
    }
    return statement.type === 'ExportNamedDeclaration' ? namedExports(tree, file, statement) : [];
  });
}

function namedExports(
  tree: SourceTree,
  file: SourceFile,
  statement: SyntaxNode,
): readonly ExportedName[] {
  const declared = declaredNames(statement);
  if (declared.length > 0) return declared.flatMap(name => declarationsOf(tree, file, name));
  const target = sourceOf(file, statement);
  return nodesAt(statement, 'specifiers').flatMap(specifier => {
    const local = identifierAt(specifier, 'local');
    const found =
      target === undefined
        ? declarationsOf(tree, file, local)
        : exportsOf(tree, target).filter(({ name }) => name === local);
    return found.map(one => ({ ...one, name: identifierAt(specifier, 'exported') }));
  });
}

/** Where a name of a file is declared: in the file, or where the file imports it from. */
function declarationsOf(tree: SourceTree, file: SourceFile, name: string): readonly ExportedName[] {
  const body = nodesAt(file.program, 'body');
  const statements = body.filter(statement => declaredNames(statement).includes(name));
  if (statements.length > 0) return [{ name, file, statements }];
  return body
    .filter(statement => statement.type === 'ImportDeclaration')
    .flatMap(statement => {
      const target = sourceOf(file, statement);
      const specifier = nodesAt(statement, 'specifiers').find(
        one => identifierAt(one, 'local') === name,
      );
      if (target === undefined || specifier === undefined) return [];
      const imported = identifierAt(specifier, 'imported');
      return exportsOf(tree, target).filter(one => one.name === imported);
    });
}

/** The declaration of a statement that exports it, or the statement itself. */
export function declarationOf(statement: SyntaxNode): SyntaxNode {
  return nodeAt(statement, 'declaration') ?? statement;
}

function declaredNames(statement: SyntaxNode): readonly string[] {
  if (statement.type.startsWith('Import')) return [];
  const declaration = declarationOf(statement);
  const name = nodeAt(declaration, 'id')?.['name'];
  if (typeof name === 'string') return [name];
  return nodesAt(declaration, 'declarations').flatMap(one => boundNames(nodeAt(one, 'id')));
}

function boundNames(pattern: SyntaxNode | undefined): readonly string[] {
  if (pattern === undefined) return [];
  if (pattern.type === 'Identifier') return [textAt(pattern, 'name') ?? ''];
  return nodesAt(pattern, 'properties').flatMap(property => boundNames(nodeAt(property, 'value')));
}

function identifierAt(node: SyntaxNode, property: string): string {
  const identifier = nodeAt(node, property);
  return String(identifier?.['name'] ?? identifier?.['value'] ?? 'default');
}

function sourceOf(file: SourceFile, statement: SyntaxNode): string | undefined {
  const specifier = nodeAt(statement, 'source')?.['value'];
  return typeof specifier === 'string' ? targetOf(file, specifier) : undefined;
}

/**
 * Each overload needs a comment of its own, their implementation needs none. A getter documents its
 * setter.
 */
function undocumentedStatements(
  file: SourceFile,
  statements: readonly SyntaxNode[],
): readonly SyntaxNode[] {
  const overloads = statements.filter(one => declarationOf(one).type === 'TSDeclareFunction');
  const visible = overloads.length > 0 ? overloads : statements;
  return visible.filter(statement => !isDocumented(file, statement));
}

interface Member {
  readonly path: string;
  readonly node: SyntaxNode;
}

/** The property of a node that names a type. */
const REFERENCES: Readonly<Record<string, string>> = {
  TSTypeReference: 'typeName',
  TSTypeQuery: 'exprName',
  TSInterfaceHeritage: 'expression',
  TSClassImplements: 'expression',
  ClassDeclaration: 'superClass',
};

const MEMBER_TYPES = new Set([
  'TSPropertySignature',
  'TSMethodSignature',
  'TSCallSignature',
  'TSConstructSignature',
  'TSIndexSignature',
  'PropertyDefinition',
  'MethodDefinition',
  'AccessorProperty',
  'TSAbstractPropertyDefinition',
  'TSAbstractMethodDefinition',
  'TSEnumMember',
  'TSParameterProperty',
]);

/** Nodes that hold no members of a type: code, type parameters, decorators. */
const CLOSED_TYPES = new Set(['BlockStatement', 'TSTypeParameterDeclaration', 'Decorator']);

function membersOf(node: SyntaxNode, owner: string): readonly Member[] {
  if (CLOSED_TYPES.has(node.type) || isFunctionLike(node) || isHidden(node)) return [];
  const path = MEMBER_TYPES.has(node.type) ? `${owner}.${memberName(node)}` : owner;
  const own = path === owner || isImplementation(node) ? [] : [{ path, node }];
  if (node.type === 'MethodDefinition') return [...own, ...parameterProperties(node, owner)];
  if (node.type === 'TSMethodSignature') return own;
  const inner = withoutOverloaded(childrenOf(node));
  return [...own, ...inner.flatMap(child => membersOf(child, path))];
}

function isFunctionLike(node: SyntaxNode): boolean {
  return (
    /Function(Expression|Declaration|Type)?$/.test(node.type) || node.type === 'CallExpression'
  );
}

/** A constructor is described by its class; only the members it declares count. */
function isImplementation(node: SyntaxNode): boolean {
  return node['kind'] === 'constructor' || node['kind'] === 'set';
}

function isHidden(node: SyntaxNode): boolean {
  return node['accessibility'] === 'private' || nodeAt(node, 'key')?.type === 'PrivateIdentifier';
}

function parameterProperties(method: SyntaxNode, owner: string): readonly Member[] {
  const parameters = nodesAt(nodeAt(method, 'value') ?? method, 'params');
  return parameters
    .filter(parameter => parameter.type === 'TSParameterProperty' && !isHidden(parameter))
    .map(node => ({ path: `${owner}.${memberName(node)}`, node }));
}

/** Leaves out the implementation of a method whose overloads are in the list. */
function withoutOverloaded(nodes: readonly SyntaxNode[]): readonly SyntaxNode[] {
  const isOverload = (node: SyntaxNode) =>
    nodeAt(node, 'value')?.type === 'TSEmptyBodyFunctionExpression';
  const overloaded = new Set(nodes.filter(isOverload).map(memberName));
  return nodes.filter(node => isOverload(node) || !overloaded.has(memberName(node)));
}

function memberName(node: SyntaxNode): string {
  const key = nodeAt(node, 'key') ?? nodeAt(node, 'id') ?? nodeAt(node, 'parameter');
  const left = key === undefined ? undefined : (nodeAt(key, 'left') ?? key);
  return String(left?.['name'] ?? left?.['value'] ?? `[${left?.type ?? node.type}]`);
}

function isInternal(file: SourceFile, node: SyntaxNode): boolean {
  return docCommentOf(file, node)?.value.includes('@internal') === true;
}

function isDocumented(file: SourceFile, node: SyntaxNode): boolean {
  return /\p{L}/u.test(docCommentOf(file, node)?.value ?? '');
}

/** The doc comment that is the last thing before a node and its decorators. */
export function docCommentOf(file: SourceFile, node: SyntaxNode): SourceComment | undefined {
  const decorators = [
    ...nodesAt(node, 'decorators'),
    ...nodesAt(declarationOf(node), 'decorators'),
  ];
  const start = Math.min(node.start, ...decorators.map(decorator => decorator.start));
  return file.comments.find(
    comment =>
      isDocComment(comment) &&
      comment.end <= start &&
      file.text.slice(comment.end, start).trim() === '',
  );
}

/** True for comments that editors show with a name. */
export function isDocComment({ type, value }: SourceComment): boolean {
  return type === 'Block' && value.startsWith('*');
}

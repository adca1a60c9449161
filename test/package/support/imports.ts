import {
  nodeAt,
  nodesAt,
  type SourceFile,
  type SyntaxNode,
  withDescendants,
} from './syntax-tree.js';

/** One place where a file names a module. */
export interface ModuleImport {
  /** The specifier as written; undefined if it is computed. */
  readonly specifier: string | undefined;
  /** True if nothing of the import is left at run time. */
  readonly isTypeOnly: boolean;
}

/**
 * Every module that a file names: `import`, `export … from`, `import()`, `require()`, import types,
 * augmentations.
 */
export function importsOf(file: SourceFile): readonly ModuleImport[] {
  return withDescendants(file.program).flatMap(node => IMPORT_READERS[node.type]?.(node) ?? []);
}

const IMPORT_READERS: Readonly<Record<string, (node: SyntaxNode) => readonly ModuleImport[]>> = {
  ImportDeclaration: node => [importOf(nodeAt(node, 'source'), isTypeOnly(node, 'importKind'))],
  ExportAllDeclaration: node => [importOf(nodeAt(node, 'source'), node['exportKind'] === 'type')],
  ExportNamedDeclaration: node =>
    nodeAt(node, 'source') === undefined
      ? []
      : [importOf(nodeAt(node, 'source'), isTypeOnly(node, 'exportKind'))],
  ImportExpression: node => [importOf(nodeAt(node, 'source'), false)],
  TSImportType: node => [importOf(nodeAt(node, 'source'), true)],
  TSExternalModuleReference: node => [importOf(nodeAt(node, 'expression'), false)],
  TSModuleDeclaration: node =>
    nodeAt(node, 'id')?.type === 'Literal' ? [importOf(nodeAt(node, 'id'), true)] : [],
  CallExpression: node =>
    nodeAt(node, 'callee')?.['name'] === 'require'
      ? [importOf(nodesAt(node, 'arguments')[0], false)]
      : [],
};

function isTypeOnly(node: SyntaxNode, kind: 'importKind' | 'exportKind'): boolean {
  const specifiers = nodesAt(node, 'specifiers');
  return (
    node[kind] === 'type' ||
    (specifiers.length > 0 && specifiers.every(specifier => specifier[kind] === 'type'))
  );
}

function importOf(source: SyntaxNode | undefined, typeOnly: boolean): ModuleImport {
  const specifier = source?.type === 'Literal' ? source['value'] : undefined;
  return {
    specifier: typeof specifier === 'string' ? specifier : undefined,
    isTypeOnly: typeOnly,
  };
}

/** The package of a specifier: `@nestjs/common` for `@nestjs/common/internal`. */
export function packageNameOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}

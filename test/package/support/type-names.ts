import { nodeAt, type SourceFile, textAt, withDescendants } from './syntax-tree.js';

const TYPES = new Set([
  'ClassDeclaration',
  'TSEnumDeclaration',
  'TSInterfaceDeclaration',
  'TSTypeAliasDeclaration',
]);

/** The names that types or classes of several files share, each as `Name: a.ts, b.ts`. */
export function sharedTypeNamesOf(files: readonly SourceFile[]): readonly string[] {
  const places = new Map<string, readonly string[]>();
  for (const file of files) {
    for (const name of typeNamesOf(file)) {
      places.set(name, [...(places.get(name) ?? []), file.path]);
    }
  }
  const shared = [...places].filter(([, paths]) => paths.length > 1);
  return shared.map(([name, paths]) => `${name}: ${paths.join(', ')}`).toSorted();
}

function typeNamesOf({ program }: SourceFile): ReadonlySet<string> {
  const declarations = withDescendants(program).filter(node => TYPES.has(node.type));
  return new Set(declarations.map(node => textAt(nodeAt(node, 'id') ?? node, 'name') ?? ''));
}

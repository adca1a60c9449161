// Keeps in dist/ only the declarations that the package's entries need, and adds a CommonJS twin
// (`.d.cts`) of each file: docs/decisions/0016-es-modules-and-commonjs.md. The compiler writes all
// declarations of every file; most are internal to lib/ and refer to types of dependencies. The
// declaration maps, which lead editors to lib/, are adapted to the remaining lines.
import { readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decode, encode } from '@jridgewell/sourcemap-codec';
import { parseSync } from 'oxc-parser';

const DIST = fileURLToPath(new URL('../dist', import.meta.url));
const { exports } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
const ENTRIES = Object.values(exports)
  .filter(target => typeof target !== 'string')
  .map(target => join(DIST, '..', target.default.types));

const isOwn = specifier => specifier.startsWith('.');
const fileOf = (specifier, from) => join(dirname(from), specifier).replace(/\.js$/, '.d.ts');
const specifierOf = (file, from) => {
  const path = relative(dirname(from), file).replace(/\.d\.ts$/, '.js');
  return isOwn(path) ? path : `./${path}`;
};

/** Reads a file of declarations: its imports, declarations and exports, by name. */
function read(file) {
  const text = readFileSync(file, 'utf8');
  const { module, program, comments, errors } = parseSync(file, text);
  if (errors.length > 0) throw new Error(`${file}: ${errors[0].message}`);
  const imports = new Map();
  for (const { moduleRequest, entries } of module.staticImports) {
    for (const { localName, importName, isType } of entries) {
      imports.set(localName.value, { specifier: moduleRequest.value, importName, isType });
    }
  }
  const statements = program.body
    .filter(({ type, declaration }) => type !== 'ImportDeclaration' && declaration !== null)
    .filter(({ type }) => type !== 'ExportAllDeclaration')
    .map(node => statementOf(node, text, comments));
  const map = JSON.parse(readFileSync(`${file}.map`, 'utf8'));
  return { file, imports, statements, map, exports: module.staticExports.flatMap(e => e.entries) };
}

/** Reads a declaration with the comment before it, its declared names, and the words it uses. */
function statementOf(node, text, comments) {
  const declaration = node.declaration ?? node;
  const declared = declaration.declarations?.map(({ id }) => id.name) ?? [declaration.id.name];
  const before = comments.filter(
    ({ end }) => end <= node.start && /^\s*$/.test(text.slice(end, node.start)),
  );
  const start = before.at(-1)?.start ?? node.start;
  const inside = comments.filter(comment => comment.start >= node.start && comment.end <= node.end);
  let code = text.slice(node.start, node.end);
  for (const comment of inside.toReversed()) {
    code = code.slice(0, comment.start - node.start) + code.slice(comment.end - node.start);
  }
  const line = text.slice(0, start).split('\n').length - 1;
  const words = new Set(code.match(/[\w$]+/g));
  return { text: text.slice(start, node.end), line, declared, words };
}

const files = new Map();
function moduleOf(file) {
  const known = files.get(file) ?? read(file);
  files.set(file, known);
  return known;
}

/** Finds the file that declares what `file` exports as `name`, and the name there. */
function findOrigin(file, name) {
  const entries = moduleOf(file).exports;
  const own = entries.find(({ exportName }) => exportName.name === name);
  if (own !== undefined && own.moduleRequest === null) return { file, name };
  if (own !== undefined)
    return findOrigin(fileOf(own.moduleRequest.value, file), own.importName.name);
  return entries
    .filter(({ importName }) => importName.kind === 'AllButDefault')
    .map(({ moduleRequest }) => findOrigin(fileOf(moduleRequest.value, file), name))
    .find(origin => origin !== undefined);
}

function originOf(specifier, from, name) {
  const origin = findOrigin(fileOf(specifier, from), name);
  if (origin === undefined) throw new Error(`${relative(DIST, from)}: ${specifier} has no ${name}`);
  return origin;
}

/** The kept part: statements and imported names by file. */
const kept = new Map();
function keepIn(file) {
  const known = kept.get(file) ?? { statements: new Set(), imported: new Map() };
  kept.set(file, known);
  return known;
}

function keep({ file, name }) {
  const { statements, imports } = moduleOf(file);
  const own = keepIn(file);
  const statement = statements.find(({ declared }) => declared.includes(name));
  if (statement === undefined) throw new Error(`${relative(DIST, file)} declares no ${name}`);
  if (own.statements.has(statement)) return;
  own.statements.add(statement);
  for (const other of statements) {
    const used = other.declared.find(word => statement.words.has(word));
    if (used !== undefined) keep({ file, name: used });
  }
  for (const [local, { specifier, importName }] of imports) {
    if (!statement.words.has(local) || own.imported.has(local)) continue;
    const origin = isOwn(specifier) ? originOf(specifier, file, importName.name) : undefined;
    own.imported.set(local, origin);
    if (origin !== undefined) keep(origin);
  }
  const inline = [...statement.text.matchAll(/import\("(\.[^"]+)"\)\.(\w+)/g)];
  for (const [, specifier, used] of inline) keep(originOf(specifier, file, used));
}

/** Creates the statements `keyword { … } from '…'` for names, grouped by module. */
function lines(keyword, names) {
  const groups = new Map();
  for (const { from, name, as, isType } of names) {
    const clause = `${isType ? 'type ' : ''}${name}${name === as ? '' : ` as ${as}`}`;
    groups.set(from, [...(groups.get(from) ?? []), clause]);
  }
  return [...groups].map(
    ([from, clauses]) => `${keyword} { ${clauses.join(', ')} } from '${from}';`,
  );
}

function importsOf(file, imported) {
  const { imports } = moduleOf(file);
  return lines(
    'import',
    [...imported].map(([local, origin]) => {
      const { specifier, importName, isType } = imports.get(local);
      return {
        from: origin === undefined ? specifier : specifierOf(origin.file, file),
        name: origin?.name ?? importName.name,
        as: local,
        isType,
      };
    }),
  );
}

/** Creates the kept text of a file, and the original line of each of its lines. */
function textOf(file, { statements, imported }) {
  const inOrder = moduleOf(file).statements.filter(statement => statements.has(statement));
  const declarations = inOrder.map(({ text }) =>
    text.replaceAll(/import\("(\.[^"]+)"\)\.(\w+)/g, (_all, specifier, name) => {
      const origin = originOf(specifier, file, name);
      return `import("${specifierOf(origin.file, file)}").${origin.name}`;
    }),
  );
  const imports = importsOf(file, imported);
  const lineNumbers = inOrder.flatMap(({ text, line }) =>
    text.split('\n').map((_text, index) => line + index),
  );
  return {
    texts: [...imports, ...declarations],
    lineNumbers: [...imports.map(() => -1), ...lineNumbers],
  };
}

/** Creates the map of a file for its kept lines. */
function mapOf(file, lineNumbers) {
  const { map } = moduleOf(file);
  const positions = decode(map.mappings);
  return { ...map, mappings: encode(lineNumbers.map(line => positions[line] ?? [])) };
}

/** Reads the exports of an entry, which is a list of names. */
function exportsOf(entry) {
  const reExports = moduleOf(entry).exports.filter(({ moduleRequest }) => moduleRequest !== null);
  const names = reExports.map(({ moduleRequest, importName, exportName, isType }) => {
    const origin = originOf(moduleRequest.value, entry, importName.name);
    keep(origin);
    return {
      from: specifierOf(origin.file, entry),
      name: origin.name,
      as: exportName.name,
      isType,
    };
  });
  const own = moduleOf(entry).exports.filter(({ moduleRequest }) => moduleRequest === null);
  for (const { exportName } of own) keep({ file: entry, name: exportName.name });
  return lines('export', names);
}

function write(file, text, map) {
  const name = basename(file);
  writeFileSync(file, `${text}//# sourceMappingURL=${name}.map\n`);
  writeFileSync(`${file}.map`, JSON.stringify({ ...map, file: name }));
}

const entryExports = new Map(ENTRIES.map(entry => [entry, exportsOf(entry)]));
const written = new Set([...entryExports.keys(), ...kept.keys()]);
for (const file of written) {
  const { texts, lineNumbers } = textOf(file, keepIn(file));
  const text = `${[...texts, ...(entryExports.get(file) ?? [])].join('\n')}\n`;
  const twin = text.replaceAll(/((?:from |import\()['"]\.[^'"]+)\.js(['"])/g, '$1.cjs$2');
  const map = mapOf(file, lineNumbers);
  write(file, text, map);
  write(file.replace(/\.d\.ts$/, '.d.cts'), twin, map);
}
const all = readdirSync(DIST, { recursive: true, withFileTypes: true });
for (const { parentPath, name } of all.filter(entry => /\.d\.ts(\.map)?$/.test(entry.name))) {
  if (!written.has(join(parentPath, name.replace(/\.map$/, '')))) rmSync(join(parentPath, name));
}
// The longest paths first, because a folder is empty only after its subfolders are deleted.
const folders = all.filter(entry => entry.isDirectory()).map(e => join(e.parentPath, e.name));
for (const folder of folders.toSorted((a, b) => b.length - a.length)) {
  if (readdirSync(folder).length === 0) rmdirSync(folder);
}

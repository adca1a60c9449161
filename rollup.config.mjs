// Joins what the compiler wrote to build/ into one file for each entry, and what entries share into
// files of their own: docs/decisions/0010-one-file-for-each-entry.md. Once as ES modules and once as
// CommonJS, which has to hold file-type, as that is ES modules only:
// docs/decisions/0016-es-modules-and-commonjs.md.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname } from 'node:path';
import { decode, encode } from '@jridgewell/sourcemap-codec';
import commonjs from '@rollup/plugin-commonjs';
import { nodeResolve } from '@rollup/plugin-node-resolve';

const manifest = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'));
/** Maps lead to `lib/`, which the package holds; they do not hold the sources a second time. */
const OWN_CODE = { dir: 'dist', sourcemap: true, sourcemapExcludeSources: true };
const COMMONJS = { format: 'cjs', exports: 'named', interop: 'auto' };

const entries = Object.values(manifest.exports)
  .filter(target => typeof target !== 'string')
  .map(target => target.default.default.replace(/^\.\/dist\/(.+)\.js$/, '$1'));
/** Entries for an optional peer, which use the root entry as applications do. */
const INTEGRATIONS = ['opentelemetry', 'swagger', 'terminus'];
const input = Object.fromEntries(
  entries
    .filter(entry => !INTEGRATIONS.includes(dirname(entry)))
    .map(entry => [entry, `build/${entry}.js`]),
);

const packages = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies });
const isBuiltin = id => id.startsWith('node:') || builtinModules.includes(id);
const isPackage = id => packages.some(name => id === name || id.startsWith(`${name}/`));
const external = id => isBuiltin(id) || isPackage(id);

/** Writes the licences of the packages that a build holds beside it. */
const licences = fileName => ({
  name: 'licences',
  generateBundle(_options, bundle) {
    const folders = new Set(
      Object.values(bundle)
        .flatMap(({ moduleIds = [] }) => moduleIds)
        .map(id => /[^\0]*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id)?.[0])
        .filter(folder => folder !== undefined),
    );
    const texts = [...folders].toSorted().map(folder => {
      const { name, version } = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8'));
      const file = readdirSync(folder).find(entry => /^licen[cs]e/i.test(entry));
      if (file === undefined) this.error(`${name} has no licence file`);
      return `${name} ${version}\n\n${readFileSync(`${folder}/${file}`, 'utf8').trim()}\n`;
    });
    this.emitFile({ type: 'asset', fileName, source: texts.join(`\n${'-'.repeat(80)}\n\n`) });
  },
});

/**
 * Gives rollup the maps that the compiler wrote beside its files, and leaves one position for each
 * line in what rollup makes of them: docs/decisions/0019-maps-and-sources-in-the-package.md.
 */
const lineMaps = {
  name: 'line-maps',
  load(id) {
    if (!existsSync(`${id}.map`)) return null;
    return { code: readFileSync(id, 'utf8'), map: readFileSync(`${id}.map`, 'utf8') };
  },
  generateBundle(_options, bundle) {
    for (const asset of Object.values(bundle).filter(({ fileName }) => fileName.endsWith('.map'))) {
      const map = JSON.parse(asset.source);
      const lines = decode(map.mappings).map(line =>
        line.slice(0, 1).map(position => position.slice(0, 4)),
      );
      asset.source = JSON.stringify({ ...map, names: [], mappings: encode(lines) });
    }
  },
};

function onLog(level, log, handler) {
  // The compiler's decorator helpers look for `this.__decorate` first, and cope without it.
  if (log.code === 'THIS_IS_UNDEFINED') return;
  // Inside file-type's own dependencies.
  if (log.code === 'CIRCULAR_DEPENDENCY' && log.ids.every(id => id.includes('/node_modules/'))) {
    return;
  }
  handler(level === 'warn' ? 'error' : level, log);
}

export default [
  {
    input,
    external,
    plugins: [lineMaps],
    output: [
      { ...OWN_CODE, format: 'es', chunkFileNames: 'shared/[name].js' },
      {
        ...OWN_CODE,
        ...COMMONJS,
        entryFileNames: '[name].cjs',
        chunkFileNames: 'shared/[name].cjs',
        // Jest without `--experimental-vm-modules` cannot run `import()`.
        dynamicImportInCjs: false,
        // Used by the root entry only, from where the path leads to the file made below.
        paths: { 'file-type': './shared/file-type.cjs' },
      },
    ],
    onLog,
  },
  {
    input: { 'shared/file-type': 'file-type' },
    external: isBuiltin,
    plugins: [
      nodeResolve({ exportConditions: ['node'], preferBuiltins: true }),
      commonjs(),
      licences('shared/LICENSES.txt'),
    ],
    output: { ...COMMONJS, dir: 'dist', entryFileNames: '[name].cjs' },
    onLog,
  },
  // As for the program below, the root entry is one file, and there is one copy of its classes.
  ...INTEGRATIONS.map(name => ({
    input: `build/${name}/index.js`,
    external: id => id.startsWith('../') || external(id),
    plugins: [lineMaps],
    output: [
      { ...OWN_CODE, dir: `dist/${name}`, format: 'es' },
      {
        ...OWN_CODE,
        ...COMMONJS,
        dir: `dist/${name}`,
        entryFileNames: '[name].cjs',
        paths: id => id.replace(/^.*\/build\/index\.js$/, '../index.cjs'),
      },
    ],
    onLog,
  })),
  {
    // The program. It imports the entries by their files, so that there is one copy of each.
    input: 'build/cli/index.js',
    external: id => id.startsWith('../') || external(id),
    plugins: [lineMaps],
    output: { ...OWN_CODE, dir: 'dist/cli', format: 'es', chunkFileNames: '[name].js' },
    onLog,
  },
];

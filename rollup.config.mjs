// Joins what the compiler wrote to build/ into one file for each entry, and what entries share into files of
// their own: docs/decisions/0010-one-file-for-each-entry.md. Once as ES modules and once as CommonJS, which has
// to hold file-type, as that is ES modules only: docs/decisions/0016-es-modules-and-commonjs.md.
import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import commonjs from '@rollup/plugin-commonjs';
import { nodeResolve } from '@rollup/plugin-node-resolve';

const manifest = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'));
const ESM_ONLY_DEPENDENCIES = ['file-type'];

const entries = Object.values(manifest.exports)
  .filter(target => typeof target !== 'string')
  .map(target => target.default.default.replace(/^\.\/dist\/(.+)\.js$/, '$1'));
const input = Object.fromEntries(entries.map(entry => [entry, `build/${entry}.js`]));

const packages = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies });
const isFrom = names => id => names.some(name => id === name || id.startsWith(`${name}/`));
const isPackageOfUsers = isFrom(packages);
const isEsmOnly = isFrom(ESM_ONLY_DEPENDENCIES);
const isBuiltin = id => id.startsWith('node:') || builtinModules.includes(id);

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

function onLog(level, log, handler) {
  // The compiler's decorator helpers look for `this.__decorate` of a script first, and cope without it.
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
    external: id => isPackageOfUsers(id) || isBuiltin(id),
    output: { dir: 'dist', format: 'es', chunkFileNames: 'shared/[name].js' },
    onLog,
  },
  {
    input,
    external: id => (isPackageOfUsers(id) && !isEsmOnly(id)) || isBuiltin(id),
    plugins: [
      nodeResolve({ exportConditions: ['node'], preferBuiltins: true }),
      commonjs(),
      licences('shared/LICENSES.txt'),
    ],
    output: {
      dir: 'dist',
      format: 'cjs',
      entryFileNames: '[name].cjs',
      chunkFileNames: 'shared/[name].cjs',
      // Jest without `--experimental-vm-modules` cannot run `import()`.
      dynamicImportInCjs: false,
      manualChunks: id => (id.includes('/node_modules/') ? 'file-type' : undefined),
      exports: 'named',
      interop: 'auto',
    },
    onLog,
  },
  {
    // The program. It imports the entries by their files, so that there is one copy of each.
    input: 'build/cli/index.js',
    external: id => id.startsWith('../') || isPackageOfUsers(id) || isBuiltin(id),
    output: { dir: 'dist/cli', format: 'es', chunkFileNames: '[name].js' },
    onLog,
  },
];

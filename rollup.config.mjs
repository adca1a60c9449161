// Joins what the compiler wrote to build/ into one file for each entry, and what entries share into files of
// their own: docs/decisions/0010-one-file-for-each-entry.md.
import { readFileSync } from 'node:fs';
import { isAbsolute } from 'node:path';

const manifest = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'));
const entries = Object.values(manifest.exports)
  .filter(target => typeof target !== 'string')
  .map(target => target.default.replace(/^\.\/dist\/(.+)\.js$/, '$1'));

const isOfThisPackage = id => id.startsWith('.') || isAbsolute(id);

export default {
  input: Object.fromEntries(entries.map(entry => [entry, `build/${entry}.js`])),
  external: id => !isOfThisPackage(id),
  output: {
    dir: 'dist',
    format: 'es',
    chunkFileNames: 'shared/[name].js',
  },
  onLog(level, log, handler) {
    // The compiler's decorator helpers look for `this.__decorate` of a script first, and cope without it.
    if (log.code === 'THIS_IS_UNDEFINED') return;
    handler(level === 'warn' ? 'error' : level, log);
  },
};

import { describe, expect, it } from '@jest/globals';
import { pathToFileURL } from 'node:url';
import { builtPackage, ROOT } from '../package/support/files.js';
import { runToEnd } from '../support/child.js';

/** Writes the URL of every module that `import` loads as a line on stderr. */
const LOAD_LOGGER = `
  import { writeSync } from 'node:fs';
  export async function load(url, context, nextLoad) {
    writeSync(2, 'loaded ' + url + '\\n');
    return nextLoad(url, context);
  }`;

const REGISTER_LOAD_LOGGER = `data:text/javascript,${encodeURIComponent(
  `import { register } from 'node:module';
   register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(LOAD_LOGGER)}));`,
)}`;

describe('the built package', () => {
  it.each([
    ['nestjs-wx-cloud-storage', 'index.js'],
    ['nestjs-wx-cloud-storage/opentelemetry', 'opentelemetry/index.js'],
    ['nestjs-wx-cloud-storage/redis', 'redis/index.js'],
    ['nestjs-wx-cloud-storage/emulator', 'emulator/index.js'],
  ])('loads for %s only %s and shared files', async (entry, file) => {
    const folder = `${pathToFileURL(builtPackage()).href}/`;
    const own = (await modulesLoadedBy(entry))
      .filter(url => url.startsWith(folder))
      .map(url => url.slice(folder.length));
    expect(own.filter(isNoShare)).toEqual([file]);
  });

  it.each(['swagger', 'terminus'])(
    'loads the root entry with that for %s, as both share classes',
    async name => {
      const loaded = await modulesLoadedBy(`nestjs-wx-cloud-storage/${name}`);
      const own = loaded.filter(url => url.startsWith(`${pathToFileURL(builtPackage()).href}/`));
      expect(own.map(url => url.replace(/^.*\/dist\//, '')).filter(isNoShare)).toEqual([
        `${name}/index.js`,
        'index.js',
      ]);
    },
  );

  it.each([
    ['swagger', 'terminus'],
    ['terminus', 'swagger'],
  ])('loads for %s nothing of %s', async (name, other) => {
    const loaded = await modulesLoadedBy(`nestjs-wx-cloud-storage/${name}`);
    const peers = loaded.filter(url => url.includes('/node_modules/@nestjs/'));
    expect(peers).toContainEqual(expect.stringContaining(`/@nestjs/${name}/`));
    expect(peers).not.toContainEqual(expect.stringContaining(`/@nestjs/${other}/`));
  });

  it('loads no HTTP platform, emulator or optional peer with its root entry', async () => {
    const loaded = await modulesLoadedBy('nestjs-wx-cloud-storage');
    expect(loaded).toContainEqual(expect.stringMatching(/\/dist\/index\.js$/));
    expect(loaded.filter(isOptional)).toEqual([]);
  });
});

describe('the checker of loaded files', () => {
  it('finds the emulator when it is loaded', async () => {
    const loaded = await modulesLoadedBy('nestjs-wx-cloud-storage/emulator');
    expect(loaded.filter(isOptional)).not.toEqual([]);
  });

  it('finds the HTTP platform and its requirements when they are loaded', async () => {
    const loaded = await modulesLoadedBy('@nestjs/platform-express');
    expect(loaded).toContainEqual(
      expect.stringMatching(/node_modules\/@nestjs\/platform-express\//),
    );
    expect(loaded).toContainEqual(expect.stringMatching(/node_modules\/multer\//));
  });
});

/** Each takes a process of its own, so it is asked for once. */
const loading = new Map<string, Promise<readonly string[]>>();

function modulesLoadedBy(specifier: string): Promise<readonly string[]> {
  const loaded = loading.get(specifier) ?? load(specifier);
  loading.set(specifier, loaded);
  return loaded;
}

async function load(specifier: string): Promise<readonly string[]> {
  builtPackage();
  const code = `
    import { createRequire } from 'node:module';
    await import(${JSON.stringify(specifier)});
    console.log(Object.keys(createRequire(import.meta.url).cache).join('\\n'));`;
  const { stdout, stderr } = await runToEnd(
    process.execPath,
    ['--import', REGISTER_LOAD_LOGGER, '--input-type=module', '-e', code],
    { cwd: ROOT },
  );
  const imported = stderr.split('\n').filter(line => line.startsWith('loaded '));
  return [...imported.map(line => line.slice('loaded '.length)), ...stdout.split('\n')];
}

function isNoShare(path: string): boolean {
  return !path.startsWith('shared/');
}

function isOptional(url: string): boolean {
  return /\/node_modules\/(@nestjs\/platform-|@nestjs\/(?:swagger|terminus)\/|@opentelemetry\/|express\/|multer\/|fastify\/)|\/dist\/emulator\//.test(
    url,
  );
}

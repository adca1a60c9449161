// The packed package in fresh applications: Nest × Node × adapter × module system. See README.md.
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';

const run = promisify(execFile);
const HERE = fileURLToPath(new URL('.', import.meta.url));
const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** A combination takes about ten seconds; one that hangs is stopped. */
const LONGEST_RUN_MS = 120_000;
const AT_ONCE = 2;

/** Each Nest, with the platform packages to go with it, and those of them that bring no upload interceptors of Nest's. */
const NESTS = [
  {
    nest: '11.1.0',
    platforms: { express: '11.1.0', fastify: '11.1.0' },
    withoutNestInterceptors: ['fastify'],
  },
  {
    nest: '11.1.29',
    platforms: { express: '11.1.29', fastify: '11.1.29' },
    withoutNestInterceptors: ['fastify'],
  },
  {
    nest: '11.2.10',
    platforms: { express: '11.2.10', fastify: '11.2.8' },
    withoutNestInterceptors: ['fastify'],
  },
  {
    nest: '12.1.0',
    platforms: { express: '12.1.0', fastify: '12.1.0' },
    more: { '@fastify/multipart': '10.1.0' },
  },
  {
    nest: '12.5.1',
    platforms: { express: '12.5.1', fastify: '12.5.0' },
    more: { '@fastify/multipart': '10.1.9' },
  },
];
const NODES = ['20', '22', '24', '26'];
/** As an application may bring its own dispatcher. */
const UNDICIS = { 'undici-7': 'npm:undici@7.30.2', 'undici-8': 'npm:undici@8.12.4' };
const MODULE_SYSTEMS = { ESM: 'esm.mjs', CommonJS: 'commonjs.cjs' };

const { values: only } = parseArgs({
  options: { nest: { type: 'string' }, node: { type: 'string' } },
});

const npm = (folder, ...args) =>
  run('npm', [...args, '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: folder,
    maxBuffer: 64 << 20,
  });

/** The running Node for its own version, npm's packages of Node for the others. */
async function installNodes(workplace, versions) {
  const [own] = process.versions.node.split('.');
  const others = versions.filter(version => version !== own);
  const folder = join(workplace, 'nodes');
  await mkdir(folder);
  await writeFile(join(folder, 'package.json'), '{"private":true}');
  const source = `node-${process.platform}-${process.arch}`;
  const specifiers = others.map(version => `node${version}@npm:${source}@${version}`);
  if (specifiers.length > 0) await npm(folder, 'install', ...specifiers);
  const binaryOf = version =>
    version === own ? process.execPath : join(folder, `node_modules/node${version}/bin/node`);
  return new Map(versions.map(version => [version, binaryOf(version)]));
}

/** A folder with one Nest and the tarball installed, and the suite beside them. */
async function installApplication(workplace, tarball, { nest, platforms, more = {} }) {
  const folder = join(workplace, `nest-${nest}`);
  await mkdir(folder);
  const dependencies = {
    '@nestjs/common': nest,
    '@nestjs/core': nest,
    ...Object.fromEntries(
      Object.entries(platforms).map(([name, version]) => [`@nestjs/platform-${name}`, version]),
    ),
    ...more,
    ...UNDICIS,
    'nestjs-wx-cloud-storage': `file:${tarball}`,
    'reflect-metadata': '0.2.2',
    rxjs: '7.8.2',
  };
  await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies }));
  await npm(folder, 'install');
  await cp(join(HERE, 'suite'), join(folder, 'suite'), { recursive: true });
  for (const file of Object.values(MODULE_SYSTEMS)) {
    await cp(join(HERE, 'applications', file), join(folder, file));
  }
  return folder;
}

async function runCombination({ binary, folder, file, adapter, hasNestInterceptors }) {
  const { NODE_OPTIONS: _ours, ...env } = process.env;
  try {
    const { stdout } = await run(binary, [file, adapter, String(hasNestInterceptors)], {
      cwd: folder,
      env,
      timeout: LONGEST_RUN_MS,
    });
    return JSON.parse(stdout);
  } catch (error) {
    return { passed: 0, failed: [`the process failed: ${error.stack}`] };
  }
}

function combinationsOf({ nest, platforms, withoutNestInterceptors = [] }, folder, binaries) {
  return Object.keys(platforms).flatMap(adapter =>
    Object.entries(MODULE_SYSTEMS).flatMap(([modules, file]) =>
      [...binaries].map(([node, binary]) => ({
        row: `Nest ${nest}, ${adapter}, ${modules}`,
        node,
        binary,
        folder,
        file,
        adapter,
        hasNestInterceptors: !withoutNestInterceptors.includes(adapter),
      })),
    ),
  );
}

async function runAll(combinations) {
  const waiting = [...combinations];
  const results = [];
  const worker = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      results.push({ ...next, ...(await runCombination(next)) });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return results;
}

function print(combinations, results) {
  const table = {};
  for (const { row, node } of combinations) {
    const { passed, failed } = results.find(result => result.row === row && result.node === node);
    table[row] = {
      ...table[row],
      [`Node ${node}`]: failed.length === 0 ? `${passed} ok` : `${failed.length} failed`,
    };
  }
  console.table(table);
  const failures = results.flatMap(({ row, node, failed }) =>
    failed.map(failure => `${row}, Node ${node}: ${failure}`),
  );
  for (const failure of failures) console.error(failure);
  console.log(failures.length === 0 ? 'every combination passed' : `${failures.length} failures`);
  return failures.length === 0;
}

const workplace = await mkdtemp(join(tmpdir(), 'wx-cloud-compat-'));
try {
  await npm(ROOT, 'pack', '--pack-destination', workplace, '--silent');
  const tarball = (await readdir(workplace)).find(name => name.endsWith('.tgz'));
  const nodes = NODES.filter(version => only.node === undefined || version === only.node);
  const binaries = await installNodes(workplace, nodes);
  const combinations = [];
  for (const entry of NESTS.filter(({ nest }) => nest.startsWith(only.nest ?? ''))) {
    const folder = await installApplication(workplace, join(workplace, tarball), entry);
    combinations.push(...combinationsOf(entry, folder, binaries));
  }
  if (!print(combinations, await runAll(combinations))) process.exitCode = 1;
} finally {
  await rm(workplace, { recursive: true, force: true });
}

// Runs the suite for all combinations of Nest, Node, adapter and module system.
import { execFile } from 'node:child_process';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { cleanEnvironment, npm } from './support/npm.mjs';
import { runAll } from './support/run-all.mjs';

const run = promisify(execFile);
const HERE = fileURLToPath(new URL('.', import.meta.url));
/** The timeout of a combination, which usually takes about ten seconds. */
const LONGEST_RUN_MS = 120_000;

/**
 * The versions of Nest, with their platform packages and those without Nest's own upload
 * interceptors.
 */
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
    more: { '@nestjs/swagger': '11.4.7', '@nestjs/terminus': '11.1.1' },
  },
  {
    nest: '12.1.0',
    platforms: { express: '12.1.0', fastify: '12.1.0' },
    more: { '@fastify/multipart': '10.1.0' },
  },
  {
    nest: '12.5.1',
    platforms: { express: '12.5.1', fastify: '12.5.0' },
    more: {
      '@fastify/multipart': '10.1.9',
      '@nestjs/swagger': '12.0.2',
      '@nestjs/terminus': '12.1.0',
    },
  },
];
/** The versions of undici for dispatchers of the application. */
const UNDICIS = { 'undici-7': 'npm:undici@7.30.2', 'undici-8': 'npm:undici@8.12.4' };
const MODULE_SYSTEMS = [
  { modules: 'ESM', file: 'esm.mjs' },
  { modules: 'CommonJS', file: 'commonjs.cjs' },
  // As on AWS Lambda; Nest 12 has ES modules only. `commonjs.cjs` checks which build is loaded.
  {
    modules: 'CommonJS without require(esm)',
    file: 'commonjs.cjs',
    flags: ['--no-experimental-require-module'],
    nests: /^11\./,
  },
];

/** Installs one version of Nest and the tarball in a folder, and copies the suite to it. */
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
  await npm(folder, ['install']);
  await cp(join(HERE, 'suite'), join(folder, 'suite'), { recursive: true });
  for (const { file } of MODULE_SYSTEMS) {
    await cp(join(HERE, 'applications', file), join(folder, file));
  }
  return folder;
}

async function runCombination(folder, binary, args) {
  try {
    const { stdout } = await run(binary, args, {
      cwd: folder,
      env: cleanEnvironment(binary),
      timeout: LONGEST_RUN_MS,
    });
    return JSON.parse(stdout);
  } catch (error) {
    return { passed: 0, failed: [`the process failed: ${error.stack}`] };
  }
}

function combinationsOf(entry, folder, binaries) {
  const { nest, platforms, withoutNestInterceptors = [], more = {} } = entry;
  const systems = MODULE_SYSTEMS.filter(({ nests = /./ }) => nests.test(nest));
  return Object.keys(platforms).flatMap(adapter =>
    systems.flatMap(({ modules, file, flags = [] }) =>
      [...binaries].map(([node, binary]) => ({
        row: `Nest ${nest}, ${adapter}, ${modules}`,
        column: `Node ${node}`,
        run: () =>
          runCombination(folder, binary, [
            ...flags,
            file,
            adapter,
            String(!withoutNestInterceptors.includes(adapter)),
            String('@nestjs/swagger' in more),
          ]),
      })),
    ),
  );
}

/** Runs the suite in all combinations, or in those of one Nest, and returns the results. */
export async function runMatrix({ workplace, tarball, binaries, nest = '' }) {
  const combinations = [];
  for (const entry of NESTS.filter(candidate => candidate.nest.startsWith(nest))) {
    const folder = await installApplication(workplace, tarball, entry);
    combinations.push(...combinationsOf(entry, folder, binaries));
  }
  return runAll(combinations);
}

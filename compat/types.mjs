// Type-checks a consumer, including all declarations, with each TypeScript and resolution.
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { npm, runIn } from './support/npm.mjs';
import { runAll } from './support/run-all.mjs';

const SOURCE = fileURLToPath(new URL('types/application.ts', import.meta.url));

const COMPILERS = ['5.4', '5.7', '5.9', '6.0', '7.0'];
const upTo = last => version => Number(version) <= last;

/** The settings of a project, the kind of its source, and the compilers that support them. */
const RESOLUTIONS = [
  { module: 'commonjs', moduleResolution: 'node10', kind: 'ts', knows: upTo(5.9) },
  { module: 'node16', moduleResolution: 'node16', kind: 'cts' },
  { module: 'node16', moduleResolution: 'node16', kind: 'mts' },
  { module: 'nodenext', moduleResolution: 'nodenext', kind: 'cts' },
  { module: 'nodenext', moduleResolution: 'nodenext', kind: 'mts' },
  { module: 'esnext', moduleResolution: 'bundler', kind: 'ts' },
];

const nameOf = version => `typescript-${version}`;

async function installConsumer(workplace, tarball) {
  const folder = join(workplace, 'types');
  await mkdir(folder);
  const dependencies = {
    '@nestjs/common': '11.2.10',
    '@nestjs/core': '11.2.10',
    '@nestjs/swagger': '11.4.7',
    '@types/node': '^20.19.0',
    'nestjs-wx-cloud-storage': `file:${tarball}`,
    'reflect-metadata': '0.2.2',
    rxjs: '7.8.2',
    ...Object.fromEntries(
      COMPILERS.map(version => [nameOf(version), `npm:typescript@~${version}.0`]),
    ),
  };
  await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies }));
  await npm(folder, ['install']);
  for (const kind of ['ts', 'mts', 'cts'])
    await copyFile(SOURCE, join(folder, `application.${kind}`));
  return folder;
}

async function check(folder, version, { module, moduleResolution, kind }) {
  const settings = {
    module,
    moduleResolution,
    target: 'es2022',
    strict: true,
    exactOptionalPropertyTypes: true,
    experimentalDecorators: true,
    emitDecoratorMetadata: true,
    skipLibCheck: false,
    types: 'node',
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const compiler = join('node_modules', nameOf(version), 'bin', 'tsc');
  try {
    await runIn(folder, process.execPath, [compiler, '--noEmit', ...flags, `application.${kind}`]);
    return { passed: 1, failed: [] };
  } catch (error) {
    return { passed: 0, failed: [error.message] };
  }
}

/** Type-checks the consumer in all combinations, and returns the results. */
export async function checkTypes({ workplace, tarball }) {
  const folder = await installConsumer(workplace, tarball);
  return runAll(
    COMPILERS.flatMap(version =>
      RESOLUTIONS.filter(({ knows = () => true }) => knows(version)).map(resolution => ({
        row: `types, ${resolution.moduleResolution}, .${resolution.kind}`,
        column: `TypeScript ${version}`,
        run: () => check(folder, version, resolution),
      })),
    ),
  );
}

// Runs npm, and installs the versions of Node that it offers.
import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const LONGEST_RUN_MS = 600_000;

/**
 * Returns the environment without the caller's NODE_OPTIONS, and with another Node first in PATH,
 * if given.
 */
export function cleanEnvironment(binary = process.execPath) {
  const { NODE_OPTIONS: _ours, ...env } = process.env;
  return { ...env, PATH: `${dirname(binary)}${delimiter}${env.PATH}` };
}

/** Runs npm in a folder. The error contains its output if it fails. */
export async function npm(folder, args, binary) {
  const all = [...args, '--no-audit', '--no-fund', '--loglevel=error'];
  return runIn(folder, 'npm', all, binary);
}

/** Runs a program in a folder. The error contains its output if it fails. */
export async function runIn(folder, program, args, binary) {
  const env = cleanEnvironment(binary);
  const options = { cwd: folder, env, maxBuffer: 64 << 20, timeout: LONGEST_RUN_MS };
  try {
    return await run(program, args, options);
  } catch (error) {
    const output = [error.stdout, error.stderr].join('\n').trim();
    throw new Error(`${program} ${args.join(' ')} failed:\n${output.slice(-4_000)}`, {
      cause: error,
    });
  }
}

/** Returns the running Node for its own version, and npm's packages of Node for the others. */
export async function installNodes(workplace, versions) {
  const [own] = process.versions.node.split('.');
  const others = versions.filter(version => version !== own);
  const folder = join(workplace, 'nodes');
  await mkdir(folder);
  await writeFile(join(folder, 'package.json'), '{"private":true}');
  const source = `node-${process.platform}-${process.arch}`;
  const specifiers = others.map(version => `node${version}@npm:${source}@${version}`);
  if (specifiers.length > 0) await npm(folder, ['install', ...specifiers]);
  const binaryOf = version =>
    version === own ? process.execPath : join(folder, `node_modules/node${version}/bin/node`);
  return new Map(versions.map(version => [version, binaryOf(version)]));
}

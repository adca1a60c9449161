// Runs the long tests one after the other, even if one fails. Arguments behind `--` are passed to
// Jest.
import { spawnSync } from 'node:child_process';

const JEST = ['--no-warnings', '--experimental-vm-modules', 'node_modules/jest/bin/jest.js'];

/** The npm scripts that run besides Jest's tests. */
const SCRIPTS = [['compat'], ['soak'], ['bench', '--', '--smoke']];

const runs = [
  {
    name: 'tests of memory and of every hostile form',
    command: process.execPath,
    args: [...JEST, '--config', 'jest.long.config.mjs', ...process.argv.slice(2)],
  },
  ...SCRIPTS.map(script => ({
    name: script.join(' '),
    command: 'npm',
    args: ['run', '--silent', ...script],
  })),
];

const failed = [];
for (const { name, command, args } of runs) {
  const startedAtMs = Date.now();
  const { status } = spawnSync(command, args, { stdio: 'inherit' });
  const seconds = Math.round((Date.now() - startedAtMs) / 1_000);
  console.log(`${status === 0 ? 'Passed' : 'FAILED'} in ${seconds} s: ${name}`);
  if (status !== 0) failed.push(name);
}
process.exitCode = failed.length === 0 ? 0 : 1;

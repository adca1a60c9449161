#!/usr/bin/env node
import { readFileSync, realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import { run } from './run.js';
import { Terminal } from './terminal.js';

/** Reads the version from `package.json`, two folders above this file, which may be a link. */
function readVersion(): string {
  const program = realpathSync(process.argv[1] ?? '');
  const text = readFileSync(resolve(program, '../../../package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

async function main(): Promise<void> {
  const terminal = new Terminal(process);
  process.exitCode = await run(process.argv.slice(2), terminal, readVersion);
}

void main();

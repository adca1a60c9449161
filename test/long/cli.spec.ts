import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { builtPackage, manifestOf, ROOT } from '../package/support/files.js';

/** The end of a run of the program. */
interface End {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A run of the program. */
interface Running {
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  readonly end: Promise<End>;
  /** Resolves with the output once it matches, and rejects when the program ends before. */
  until(pattern: RegExp): Promise<string>;
}

const SECRET = '00000fa1e000000fa1e000000fa1e000';
const children = new Set<Running>();
let folder: string;

beforeAll(async () => {
  builtPackage();
  folder = await mkdtemp(join(tmpdir(), 'cli-test-'));
});

afterAll(async () => {
  for (const { child } of children) child.kill('SIGKILL');
  await Promise.all([...children].map(({ end }) => end));
  await rm(folder, { recursive: true, force: true });
});

describe('nestjs-wx-cloud-storage', () => {
  it.each([['--help'], ['emulator', '--help']])('prints its usage: %s', async (...words) => {
    expect(await run(words).end).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^Usage: nestjs-wx-cloud-storage <command>/),
      stderr: '',
    });
  });

  it('prints its version', async () => {
    const { version } = manifestOf(ROOT);
    expect(await run(['--version']).end).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  });

  it.each([
    [[], /^Missing command\.\nUsage: /],
    [['emulator', '--prot', '1'], /^Unknown option '--prot'\.\nUsage: /],
    [['emulator', '--port', '70000'], /^--port must be an integer from 0 to 65535\.\nUsage: /],
    [['emulator', '--data-dir', ' '], /^--data-dir must be a non-empty string\.\nUsage: /],
    [['check', 'now'], /^Unexpected argument 'now'\.\nUsage: /],
  ])('rejects %j with the usage and code 2', async (words, stderr) => {
    expect(await run(words).end).toEqual({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(stderr),
    });
  });
});

describe('nestjs-wx-cloud-storage emulator', () => {
  it('reports a port in use in one line with code 1', async () => {
    const first = await startEmulator();
    const second = run(['emulator', '--port', first.port]);
    expect(await second.end).toEqual({
      code: 1,
      stdout: '',
      stderr: `Port ${first.port} of 127.0.0.1 is in use. Choose another one with --port, or 0 for a free one.\n`,
    });
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('ends on %s with code 0', async signal => {
    const { child, end } = await startEmulator();
    child.kill(signal);
    expect(await end).toMatchObject({ code: 0, stderr: '' });
  });

  it('ends silently with code 0 when its output is closed', async () => {
    const { child, end, url } = await startEmulator();
    child.stdout.destroy();
    await fetch(`${url}/nowhere`);
    expect(await end).toMatchObject({ code: 0, stderr: '' });
  });

  it('keeps objects and variables of --data-dir between starts', async () => {
    const words = ['--data-dir', join(folder, 'objects')];
    const first = await startEmulator(words);
    const store = `(await storage.upload('kept/a.txt', 'content')).fileId`;
    const stored = await print(store, first.variables);
    first.child.kill('SIGINT');
    await first.end;
    const second = await startEmulator([...words, '--port', first.port]);
    const read = `String(await storage.downloadBuffer(${JSON.stringify(stored.stdout.trim())}))`;
    const again = await print(read, first.variables);
    expect(second.variables).toEqual(first.variables);
    expect(again).toEqual({ code: 0, stdout: 'content\n', stderr: '' });
  });
});

describe('nestjs-wx-cloud-storage check', () => {
  it('succeeds with the variables that the emulator prints, which logs each request', async () => {
    const emulator = await startEmulator();
    const dotenv = join(folder, 'well.env');
    await writeFile(dotenv, emulator.lines);
    const checked = await run(['check', '--bucket', '--dotenv', dotenv]).end;
    const output = await emulator.until(/delete-files/);
    expect(checked).toMatchObject({ code: 0, stderr: '' });
    expect(checked.stdout.match(/^ok +\w+: .+$/gm)).toHaveLength(5);
    const requests = output.split('\n').filter(line => /^[A-Z]+ .* ms$/.test(line));
    expect(requests.map(line => line.split(' ').slice(0, 2).join(' '))).toEqual([
      'POST stable-token',
      'POST upload-link',
      'POST upload-link',
      'POST post-object',
      'POST download-links',
      'GET get-object',
      'POST delete-files',
    ]);
    expect(requests.join('\n')).not.toMatch(/sign=|token=|\?/);
    expect(`${checked.stdout}${requests.join('\n')}`).not.toContain(SECRET);
  });

  it('reports a failure with its remedy and code 1', async () => {
    const { variables } = await startEmulator();
    const checked = await run(['check'], { ...variables, WX_SECRET: 'not-the-secret' }).end;
    expect(checked).toMatchObject({ code: 1, stderr: '' });
    expect(checked.stdout).toMatch(
      /^FAILED +credential: WX_CLOUD_CREDENTIAL_REFUSED: .*40125.*Check the AppSecret\. \(\S+\)$/m,
    );
    expect(checked.stdout).not.toContain('not-the-secret');
  });

  it.each([
    [{}, 'WX_ENV_ID (or CBR_ENV_ID), WX_APPID, WX_SECRET'],
    [{ WX_ENV_ID: 'e', WX_SECRET: SECRET }, 'WX_APPID'],
  ])('names missing variables without %j', async (variables, names) => {
    const checked = await run(['check'], variables).end;
    expect(checked).toMatchObject({ code: 1, stdout: '' });
    expect(checked.stderr).toMatch(/^[^\n]+ --dotenv .env\.\n$/);
    expect(checked.stderr).toContain(names);
    expect(checked.stderr).not.toContain(SECRET);
  });

  it('ends on SIGINT at once', async () => {
    const { variables } = await startEmulator(['--latency-ms', '100000']);
    const checking = run(['check'], variables);
    await checking.until(/^env=/m);
    checking.child.kill('SIGINT');
    expect(await checking.end).toMatchObject({ code: null, stderr: '' });
  });

  it('names an unreadable file', async () => {
    expect(await run(['check', '--dotenv', 'nowhere.env']).end).toEqual({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^The file nowhere\.env cannot be read: ENOENT[^\n]+\n$/),
    });
  });
});

type Variables = Readonly<Record<string, string>>;

interface RunningEmulator extends Running {
  readonly url: string;
  readonly port: string;
  /** The lines that it printed before any request. */
  readonly lines: string;
  readonly variables: Variables;
}

/** Starts an emulator on a free port, unless another is given. */
async function startEmulator(words: readonly string[] = []): Promise<RunningEmulator> {
  const running = run(['emulator', '--port', '0', ...words]);
  const lines = await running.until(/^# Requests.*\n/m);
  const variables = Object.fromEntries(
    [...lines.matchAll(/^(WX_\w+)=(.+)$/gm)].map(([, name = '', value = '']) => [name, value]),
  );
  const url = variables['WX_API_BASE_URL'] ?? '';
  return { ...running, lines, variables, url, port: new URL(url).port };
}

function run(words: readonly string[], variables: Variables = {}): Running {
  return start([join(ROOT, 'dist/cli/index.js'), ...words], variables);
}

/** Prints an expression's value in an application of the module that reads the environment. */
async function print(expression: string, variables: Variables): Promise<End> {
  const program = `
    import { NestFactory } from '@nestjs/core';
    import { WxCloudStorageModule, WxCloudStorageService } from 'nestjs-wx-cloud-storage';
    const imported = WxCloudStorageModule.forRoot();
    const app = await NestFactory.createApplicationContext(imported, { logger: false });
    const storage = app.get(WxCloudStorageService);
    console.log(${expression});
    await app.close();`;
  return start(['--input-type=module', '-e', program], variables).end;
}

function start(nodeArguments: readonly string[], variables: Variables): Running {
  const child = spawn(process.execPath, nodeArguments, {
    cwd: ROOT,
    env: { PATH: process.env['PATH'], ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (output.stdout += String(chunk)));
  child.stderr.on('data', (chunk: Buffer) => (output.stderr += String(chunk)));
  const end = once(child, 'close').then(([code]) => ({ code: code as number | null, ...output }));
  const until = (pattern: RegExp): Promise<string> => untilOutput(child, output, pattern);
  const running = { child, end, until };
  children.add(running);
  return running;
}

async function untilOutput(
  child: Running['child'],
  output: { readonly stdout: string; readonly stderr: string },
  pattern: RegExp,
): Promise<string> {
  while (!pattern.test(output.stdout)) {
    const ended = once(child, 'exit').then(() => {
      throw new Error(`It ended before ${String(pattern)}: ${output.stderr}`);
    });
    await Promise.race([once(child.stdout, 'data'), ended]);
  }
  return output.stdout;
}

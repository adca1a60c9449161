import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { WxCloudEmulator } from '../../lib/emulator/index.js';

const MAIN = fileURLToPath(new URL('../../sample/image-lab/dist/main.js', import.meta.url));
const ADDRESS = /Image lab: (http:\S+)/;

/** The built sample as a process of its own. */
export interface SampleProcess {
  /** `http://127.0.0.1:<port>`. */
  readonly url: string;
  /** Ends it as Ctrl-C does; what it was and what it left behind. */
  stop(): Promise<SampleEnd>;
}

/** The exit of the sample. */
export interface SampleEnd {
  /** Its exit code; null when a signal ended it. */
  readonly code: number | null;
  /** Its standard error output. */
  readonly stderr: string;
  /** Files left in its temporary folder. */
  readonly leftovers: readonly string[];
}

const cleanups = new Set<() => Promise<void>>();

/** Starts the sample on a free port with the emulator; resolves when it listens. */
export async function startSample(
  variables: Readonly<Record<string, string>> = {},
): Promise<SampleProcess> {
  const { child, end } = await spawnSample({ PORT: '0', ...variables });
  const url = await Promise.race([
    readAddress(child),
    end.then(({ stderr }) => {
      throw new Error(`The sample ended at its start: ${stderr}`);
    }),
  ]);
  return {
    url,
    stop: () => {
      child.kill('SIGINT');
      return end;
    },
  };
}

/** Runs the sample until it ends by itself. */
export async function runSample(variables: Readonly<Record<string, string>>): Promise<SampleEnd> {
  const { end } = await spawnSample(variables);
  return end;
}

/** The sample's application within this process. */
export interface RunningLab {
  /** `http://127.0.0.1:<port>`. */
  getUrl(): Promise<string>;
  /** The HTTP server of Node. */
  getHttpServer(): unknown;
  /** Ends it; the cloud stays. */
  close(): Promise<void>;
}

interface Listening extends RunningLab {
  listen(port: number, host: string): Promise<unknown>;
}

/** Imports a module of the built sample, by its path below `dist`. */
export async function importSample<Module>(path: string): Promise<Module> {
  // Not a literal: the sample is built after the type check.
  return (await import(new URL(path, pathToFileURL(MAIN)).href)) as Module;
}

/** Starts the built sample within this process, on an emulator whose faults a test decides on. */
export async function startLabOn(emulator: WxCloudEmulator): Promise<RunningLab> {
  const { options, url } = emulator;
  const { createApplication } = await importSample<{
    createApplication(cloud: object, logger: false): Promise<Listening>;
  }>('create-application.js');
  const cloud = {
    mode: 'emulator',
    env: options.env,
    description: '',
    imageSources: [url],
    uploadTargets: [url],
    storageOptions: options,
    cosOptions: {
      env: options.env,
      auth: { type: 'open-api-service' },
      apiBaseUrl: emulator.sidecarUrl,
      cos: { bucket: emulator.bucket, endpoint: emulator.cosEndpoint },
      ticketKey: 'a-ticket-key-for-the-tests-of-the-lab',
    },
    requestsAbout: (wanted: readonly string[]) =>
      emulator.journal.filter(({ cloudPaths }) => cloudPaths?.some(path => wanted.includes(path))),
    close: () => Promise.resolve(),
  };
  const application = await createApplication(cloud, false);
  await application.listen(0, '127.0.0.1');
  return application;
}

/** Ends running samples and deletes their files: for `afterAll`. */
export async function cleanUpSamples(): Promise<void> {
  await Promise.all([...cleanups].map(cleanup => cleanup()));
  cleanups.clear();
}

interface Spawned {
  readonly child: ChildProcess;
  readonly folder: string;
  readonly end: Promise<SampleEnd>;
}

async function spawnSample(variables: Readonly<Record<string, string>>): Promise<Spawned> {
  if (!existsSync(MAIN)) {
    throw new Error('The sample is not built: run "npm run build && npm run build:sample" first.');
  }
  const folder = await mkdtemp(join(tmpdir(), 'sample-test-'));
  const env = { PATH: process.env['PATH'], TMPDIR: folder, NO_COLOR: '1', ...variables };
  const child = spawn(process.execPath, [MAIN], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const end = watchEnd(child, folder);
  cleanups.add(async () => {
    child.kill('SIGKILL');
    await end;
    await rm(folder, { recursive: true, force: true });
  });
  return { child, folder, end };
}

async function watchEnd(child: ChildProcess, folder: string): Promise<SampleEnd> {
  const [stderr, [code]] = await Promise.all([
    child.stderr === null ? '' : text(child.stderr),
    once(child, 'exit') as Promise<[number | null]>,
  ]);
  return { code, stderr, leftovers: await readdir(folder) };
}

function readAddress(child: ChildProcess): Promise<string> {
  return new Promise(resolve => {
    let output = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      output += String(chunk);
      const [, url] = ADDRESS.exec(output) ?? [];
      if (url !== undefined) resolve(url);
    });
  });
}

// Projects as created by `nest new`, with the package installed. They compile, run the chapter
// "Testing your application" and their own tests, start with the quick start of the README, and
// receive an upload.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { readCodeBlocks, withoutExtensions } from './support/pages.mjs';
import { cleanEnvironment, npm, runIn } from './support/npm.mjs';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const ROOT = fileURLToPath(new URL('..', import.meta.url));
const LONGEST_START_MS = 60_000;
const PAUSE_MS = 50;

/** The projects, with their test commands and the versions of Node that their tools support. */
const PROJECTS = [
  {
    row: 'nest new 11, CommonJS, Jest',
    folder: 'nest-11-jest',
    commands: ['build', 'test', 'test:e2e'],
    nodes: ['20', '24'],
    isCommonJs: true,
  },
  {
    row: 'nest new 12, Vitest',
    folder: 'nest-12-vitest',
    commands: ['build', 'test', 'test:e2e'],
    nodes: ['22', '26'],
  },
  {
    row: 'nest new 12, Jest in ES modules',
    folder: 'nest-12-jest-esm',
    commands: ['build', 'test'],
    nodes: ['24'],
    configuration: 'jest.config.mjs',
  },
];

const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

async function installProject(workplace, tarball, { folder, binary }) {
  const copy = join(workplace, `${folder}-${binary.node}`);
  await cp(join(HERE, 'projects', folder), copy, { recursive: true });
  await npm(copy, ['ci'], binary.path);
  await npm(copy, ['install', '--no-save', tarball], binary.path);
  return copy;
}

/** Writes the code of the chapter to the files that it names. */
async function addTests(copy, { isCommonJs = false, configuration }) {
  const blocks = await readCodeBlocks(join(ROOT, 'docs/testing.md'));
  const photos = [...blocks].filter(([name]) => name.startsWith('photos.'));
  if (!photos.some(([name]) => name.endsWith('.spec.ts')))
    throw new Error('no tests in docs/testing.md');
  for (const [name, code] of photos) {
    await writeFile(join(copy, 'src', name), isCommonJs ? withoutExtensions(code) : code);
  }
  if (configuration !== undefined) {
    await writeFile(join(copy, configuration), blocks.get(configuration));
  }
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** Starts a program and resolves with its first lines, up to one that matches. */
async function startProgram(copy, binary, args, { env = {}, ready }) {
  const child = spawn(binary.path, args, {
    cwd: copy,
    env: { ...cleanEnvironment(binary.path), NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const errors = [];
  child.stderr.on('data', chunk => errors.push(chunk));
  const lines = [];
  const timer = setTimeout(() => child.kill('SIGKILL'), LONGEST_START_MS);
  for await (const line of createInterface(child.stdout)) {
    lines.push(line);
    if (ready.test(line)) {
      clearTimeout(timer);
      child.stdout.resume();
      return { child, lines };
    }
  }
  clearTimeout(timer);
  throw new Error(`${args.join(' ')} did not start:\n${[...lines, ...errors].join('\n')}`);
}

async function stop({ child }) {
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

/** Runs the quick start of the README with a separate emulator and port. */
async function runQuickStart(copy, binary) {
  const blocks = await readCodeBlocks(join(ROOT, 'README.md'));
  await writeFile(join(copy, 'src/app.module.ts'), blocks.get('app.module.ts'));
  await npm(copy, ['run', 'build'], binary.path);
  const program = 'node_modules/nestjs-wx-cloud-storage/dist/cli/index.js';
  const [emulatorPort, port] = [await freePort(), await freePort()];
  const words = [program, 'emulator', '--port', String(emulatorPort)];
  const emulator = await startProgram(copy, binary, words, { ready: /^WX_API_BASE_URL=/ });
  try {
    const variables = emulator.lines.filter(line => /^[A-Z_]+=/.test(line));
    await writeFile(join(copy, '.env'), `${variables.join('\n')}\n`);
    await runIn(copy, binary.path, ['--env-file=.env', program, 'check', '--bucket'], binary.path);
    await useApplication(copy, binary, port);
  } finally {
    await stop(emulator);
  }
}

async function useApplication(copy, binary, port) {
  const application = await startProgram(copy, binary, ['--env-file=.env', 'dist/main'], {
    env: { PORT: String(port) },
    ready: /application successfully started/,
  });
  try {
    await untilListening(port);
    await uploadTo(`http://127.0.0.1:${port}/photos`);
  } finally {
    await stop(application);
  }
}

/** Waits for the port, because Nest reports the start before it listens. */
async function untilListening(port) {
  const latestMs = Date.now() + LONGEST_START_MS;
  while (!(await isListening(port))) {
    if (Date.now() > latestMs) throw new Error(`the application does not listen on port ${port}`);
    await pause(PAUSE_MS);
  }
}

async function isListening(port) {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function uploadTo(url) {
  const form = new FormData();
  form.append('photo', new Blob([PNG]), 'cat.png');
  const response = await fetch(url, { method: 'POST', body: form });
  const answer = await response.json();
  if (response.status !== 201) throw new Error(`${response.status} ${JSON.stringify(answer)}`);
  const bytes = Buffer.from(await (await fetch(answer.url)).arrayBuffer());
  if (!bytes.equals(PNG)) throw new Error('the bytes that came back are others');
}

async function runProject(copy, project, binary) {
  const steps = {
    ...Object.fromEntries(
      project.commands.map(command => [command, () => npm(copy, ['run', command], binary.path)]),
    ),
    'quick start': () => runQuickStart(copy, binary),
  };
  let passed = 0;
  const failed = [];
  for (const [name, step] of Object.entries(steps)) {
    try {
      await step();
      passed += 1;
    } catch (error) {
      failed.push(`${name}: ${error.message}`);
    }
  }
  return { passed, failed };
}

/** Runs the projects, each with some of these versions of Node, and returns the results. */
export async function runProjects({ workplace, tarball, binaries, nest = '' }) {
  const results = [];
  for (const project of PROJECTS.filter(({ folder }) => folder.startsWith(`nest-${nest}`))) {
    for (const node of project.nodes.filter(version => binaries.has(version))) {
      const binary = { node, path: binaries.get(node) };
      const copy = await installProject(workplace, tarball, { ...project, binary });
      await addTests(copy, project);
      const { row } = project;
      results.push({ row, column: `Node ${node}`, ...(await runProject(copy, project, binary)) });
    }
  }
  return results;
}

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { until } from './until.js';

const HOST = '127.0.0.1';

/** A real `redis-server` with an empty database in memory, on a free port of this machine. */
export interface RedisServer {
  readonly port: number;
  /** For clients: `redis://127.0.0.1:<port>`. */
  readonly url: string;
  /** Starts it, empty, on its port and waits until it responds. */
  start(): Promise<void>;
  /** Stops it in order: it no longer listens before its connections end. Waits until it is gone. */
  stop(): Promise<void>;
  /** Ends it at once, as a failing machine does. Waits until it is gone. */
  crash(): Promise<void>;
  /** Stops and starts it on the same port. */
  restart(): Promise<void>;
  /** Keeps its connections open without a response until `resume`. */
  pause(): void;
  /** Resumes it. */
  resume(): void;
  /** Ends it, if it still runs, and deletes its folder. */
  close(): Promise<void>;
}

/** Starts a server that the caller closes. `extra` goes onto its command line. */
export function startRedisServer(extra: readonly string[] = []): Promise<RedisServer> {
  return startProgram(async (port, folder) => {
    const options = ['--port', String(port), '--bind', HOST, '--save', '', '--appendonly', 'no'];
    return [...options, '--dir', folder, ...extra];
  });
}

/** Starts a sentinel that the caller closes; it knows the server at `mainPort` as `main`. */
export function startRedisSentinel(mainPort: number): Promise<RedisServer> {
  return startProgram(async (port, folder) => {
    const file = join(folder, 'sentinel.conf');
    const lines = [`port ${port}`, `bind ${HOST}`, `sentinel monitor main ${HOST} ${mainPort} 1`];
    await writeFile(file, lines.join('\n'));
    return [file, '--sentinel'];
  });
}

/** Starts the program with the arguments for a port and a folder. */
async function startProgram(
  argumentsOf: (port: number, folder: string) => Promise<readonly string[]>,
): Promise<RedisServer> {
  const folder = await mkdtemp(join(tmpdir(), 'redis-server-'));
  const port = await freePort();
  let child: ChildProcess | undefined;

  const start = async (): Promise<void> => {
    child = run(await argumentsOf(port, folder));
    await untilReady(child, port);
  };
  const stop = async (): Promise<void> => {
    const ending = child;
    child = undefined;
    if (ending !== undefined) await end(ending);
  };
  const crash = async (): Promise<void> => {
    const ending = child;
    child = undefined;
    if (ending !== undefined) await end(ending, 'SIGKILL');
  };
  const restart = async (): Promise<void> => {
    await stop();
    await start();
  };
  const pause = (): void => void child?.kill('SIGSTOP');
  const resume = (): void => void child?.kill('SIGCONT');
  const close = async (): Promise<void> => {
    await stop();
    await rm(folder, { recursive: true, force: true });
  };

  await start();
  const url = `redis://${HOST}:${port}`;
  return { port, url, start, stop, crash, restart, pause, resume, close };
}

function run(words: readonly string[]): ChildProcess {
  const child = spawn('redis-server', words, { stdio: 'ignore' });
  // Without a listener a missing program would be an uncaught error; `untilReady` reports it.
  child.on('error', () => undefined);
  return child;
}

/** Starts a cluster of one server, which has all slots. The caller closes it. */
export async function startRedisCluster(): Promise<RedisServer> {
  const bus = await freePort();
  const place = ['--cluster-port', String(bus), '--cluster-announce-ip', HOST];
  const server = await startRedisServer(['--cluster-enabled', 'yes', ...place]);
  const client = new Redis(server.url);
  await client.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
  await until(async () => /cluster_state:ok/.test(String(await client.call('CLUSTER', 'INFO'))));
  client.disconnect();
  return server;
}

async function untilReady(child: ChildProcess, port: number): Promise<void> {
  await until(async () => {
    if (child.pid === undefined || hasEnded(child)) {
      throw new Error('redis-server did not start: is the package redis-server installed?');
    }
    return respondsToPing(port);
  }, 'a response of redis-server');
}

async function end(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (child.pid === undefined || hasEnded(child)) return;
  const ended = once(child, 'exit');
  child.kill(signal);
  // One that is paused would not see the signal.
  child.kill('SIGCONT');
  await ended;
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

function respondsToPing(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, HOST, () => socket.write('PING\r\n'));
    socket.setTimeout(1_000, () => socket.destroy());
    socket.once('data', data => {
      // A server with a password responds too, with -NOAUTH.
      resolve(/^(\+PONG|-NOAUTH)/.test(data.toString('latin1')));
      socket.destroy();
    });
    socket.on('error', () => resolve(false));
    socket.on('close', () => resolve(false));
  });
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, HOST);
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  return address.port;
}

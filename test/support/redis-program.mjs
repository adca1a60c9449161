import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export const HOST = '127.0.0.1';

/** The time in which a server responds, however busy the machine is. */
const LONGEST_START_MS = 60_000;
const LOOK_MS = 10;

/**
 * Starts `redis-server` with the arguments for a port and a folder, and waits until it responds.
 */
export async function startRedisProgram(argumentsOf) {
  const folder = await mkdtemp(join(tmpdir(), 'redis-server-'));
  const port = await freePort();
  let child;

  const start = async () => {
    child = run(await argumentsOf(port, folder));
    await untilReady(child, port);
  };
  const endWith = async signal => {
    const ending = child;
    child = undefined;
    if (ending !== undefined) await end(ending, signal);
  };
  const stop = () => endWith('SIGTERM');
  const crash = () => endWith('SIGKILL');
  const restart = async () => {
    await stop();
    await start();
  };
  const pause = () => void child?.kill('SIGSTOP');
  const resume = () => void child?.kill('SIGCONT');
  const close = async () => {
    await stop();
    await rm(folder, { recursive: true, force: true });
  };

  await start();
  const url = `redis://${HOST}:${port}`;
  return { port, url, start, stop, crash, restart, pause, resume, close };
}

function run(words) {
  const child = spawn('redis-server', words, { stdio: 'ignore' });
  // Without a listener a missing program would be an uncaught error; `untilReady` reports it.
  child.on('error', () => undefined);
  return child;
}

async function untilReady(child, port) {
  const endMs = Date.now() + LONGEST_START_MS;
  do {
    if (child.pid === undefined || hasEnded(child)) {
      throw new Error('redis-server did not start: is the package redis-server installed?');
    }
    if (await respondsToPing(port)) return;
    await delay(LOOK_MS);
  } while (Date.now() < endMs);
  throw new Error(`redis-server did not respond within ${LONGEST_START_MS} ms`);
}

async function end(child, signal) {
  if (child.pid === undefined || hasEnded(child)) return;
  const ended = once(child, 'exit');
  child.kill(signal);
  // One that is paused would not see the signal.
  child.kill('SIGCONT');
  await ended;
}

function hasEnded(child) {
  return child.exitCode !== null || child.signalCode !== null;
}

function respondsToPing(port) {
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

export async function freePort() {
  const server = createServer().listen(0, HOST);
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

// This package with the option `pending`: every upload is recorded in a Redis on loopback.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { redisPendingFileStore } from 'nestjs-wx-cloud-storage/redis';
import { createClient } from 'redis';
import { startWith } from './ours.mjs';

/** Starts the contestant, and a `redis-server` for it. */
export async function start(cloud) {
  const port = await freePort();
  const options = ['--port', port, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  const redis = spawn('redis-server', options, { stdio: 'ignore' });
  await once(redis, 'spawn');
  // The application may be killed.
  process.once('exit', () => redis.kill());
  const client = createClient({ url: `redis://127.0.0.1:${port}` });
  // It connects again until the server is up.
  client.on('error', () => {});
  await client.connect();
  const { url, close } = await startWith(cloud, {}, { pending: redisPendingFileStore(client) });
  return {
    url,
    close: async () => {
      await close();
      client.destroy();
      redis.kill();
    },
  };
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return String(port);
}

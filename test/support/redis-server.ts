import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { freePort, HOST, type RedisServer, startRedisProgram } from './redis-program.mjs';
import { until } from './until.js';

export { freePort, type RedisServer };

/** Starts a server that the caller closes. `extra` goes onto its command line. */
export function startRedisServer(extra: readonly string[] = []): Promise<RedisServer> {
  return startRedisProgram(async (port, folder) => {
    const options = ['--port', String(port), '--bind', HOST, '--save', '', '--appendonly', 'no'];
    return [...options, '--dir', folder, ...extra];
  });
}

/**
 * Starts a sentinel that the caller closes; it knows the server at `mainPort` as `main`, and
 * promotes a replica once the server is lost.
 */
export function startRedisSentinel(mainPort: number): Promise<RedisServer> {
  return startRedisProgram(async (port, folder) => {
    const file = join(folder, 'sentinel.conf');
    const lines = [
      `port ${port}`,
      `bind ${HOST}`,
      `sentinel monitor main ${HOST} ${mainPort} 1`,
      // The server is only held for lost after this time, and a restart is shorter.
      'sentinel down-after-milliseconds main 2000',
    ];
    await writeFile(file, lines.join('\n'));
    return [file, '--sentinel'];
  });
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

/** Makes a replica a primary. */
export async function promote({ url }: RedisServer): Promise<void> {
  const client = new Redis(url);
  await client.call('REPLICAOF', 'NO', 'ONE');
  client.disconnect();
}

import { Redis } from 'ioredis';
import {
  redisAccessTokenStore,
  redisPendingFileStore,
  redisReplicaChannel,
} from 'nestjs-wx-cloud-storage/redis';
import { createClient } from 'redis';

/** The pause before a lost connection is opened again. */
const PAUSE_MS = 50;

/** The two clients: for commands, and for subscriptions. */
const CLIENTS = {
  redis: url => {
    const commands = createClient({ url, socket: { reconnectStrategy: PAUSE_MS } });
    const subscriber = commands.duplicate();
    return { commands, subscriber, end: client => client.destroy() };
  },
  ioredis: url => {
    const commands = new Redis(url, { retryStrategy: () => PAUSE_MS, lazyConnect: true });
    const subscriber = commands.duplicate();
    return { commands, subscriber, end: client => client.disconnect() };
  },
};

/** Connects a replica with the Redis that it shares with others. */
export async function connectToRedis({ redisUrl, client }) {
  const { commands, subscriber, end } = CLIENTS[client](redisUrl);
  const both = [commands, subscriber];
  // A lost connection is part of the soak.
  for (const each of both) each.on('error', () => {});
  await Promise.all(both.map(each => each.connect()));
  return {
    pending: redisPendingFileStore(commands),
    replicas: redisReplicaChannel(commands, subscriber),
    store: redisAccessTokenStore(commands),
    close: () => both.forEach(end),
  };
}

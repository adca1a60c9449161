import { Cluster, Redis } from 'ioredis';
import { Cluster as Cluster5, Redis as Redis5 } from 'ioredis-5';
import { createClient, createClientPool, createCluster, createSentinel, RESP_TYPES } from 'redis';
import {
  createClient as createClient5,
  createCluster as createCluster5,
  createSentinel as createSentinel5,
} from 'redis-5';
import type { RedisClient } from '../../../lib/redis/index.js';

/** A client of an application, with functions for tests. */
export interface OpenClient {
  readonly client: RedisClient;
  /** Sends any command, bypassing the store. */
  command(...words: string[]): Promise<unknown>;
  /** Counts its listeners. */
  listeners(): number;
  close(): Promise<void>;
}

/** A row of a table of clients. */
export interface ClientFlavour {
  readonly name: string;
  open(port: number): Promise<OpenClient>;
}

const HOST = '127.0.0.1';

const ignoreErrors = (): undefined => undefined;

/** The two clients, created as in their manuals. */
export const CLIENTS: readonly ClientFlavour[] = [
  {
    name: 'node-redis',
    open: async port => {
      const client = createClient({ socket: { host: HOST, port, reconnectStrategy: 20 } });
      return openNodeRedis(client);
    },
  },
  {
    name: 'ioredis',
    open: async port => openIoRedis(new Redis({ host: HOST, port, retryStrategy: () => 20 })),
  },
];

/** The same clients with other settings, which must not affect the store. */
export const OTHER_SETUPS: readonly ClientFlavour[] = [
  {
    name: 'node-redis 5',
    open: async port => openNodeRedis(createClient5({ socket: { host: HOST, port } })),
  },
  { name: 'ioredis 5', open: async port => openIoRedis(new Redis5({ host: HOST, port })) },
  {
    name: 'node-redis with RESP 3, buffers for texts and texts for numbers',
    open: async port => {
      const plain = createClient({ RESP: 3, socket: { host: HOST, port } });
      await plain.connect();
      const client = plain.withTypeMapping({
        [RESP_TYPES.BLOB_STRING]: Buffer,
        [RESP_TYPES.NUMBER]: String,
      });
      return {
        client,
        command: (...words) => plain.sendCommand(words),
        listeners: () => countListeners(plain),
        close: async () => plain.destroy(),
      };
    },
  },
  {
    name: 'a pool of node-redis',
    open: async port => openNodeRedis(createClientPool({ socket: { host: HOST, port } })),
  },
  {
    name: 'ioredis with a key prefix, texts for numbers and automatic pipelines',
    open: async port =>
      openIoRedis(
        new Redis({
          host: HOST,
          port,
          keyPrefix: 'app:',
          stringNumbers: true,
          enableAutoPipelining: true,
        }),
      ),
  },
];

/** Clients of a cluster. */
export const CLUSTER_CLIENTS: readonly ClientFlavour[] = [
  {
    name: 'node-redis',
    open: async port => openNodeRedisCluster(createCluster(rootNodes(port))),
  },
  {
    name: 'node-redis 5',
    open: async port => openNodeRedisCluster(createCluster5(rootNodes(port))),
  },
  { name: 'ioredis', open: async port => openIoRedis(new Cluster([{ host: HOST, port }])) },
  { name: 'ioredis 5', open: async port => openIoRedis(new Cluster5([{ host: HOST, port }])) },
];

/** Clients that ask a sentinel for the server named `main`. */
export const SENTINEL_CLIENTS: readonly ClientFlavour[] = [
  {
    name: 'node-redis',
    open: async port => openSentinel(createSentinel(sentinelOf(port))),
  },
  {
    name: 'node-redis 5',
    open: async port => openSentinel(createSentinel5(sentinelOf(port))),
  },
  {
    name: 'ioredis',
    open: async port => openIoRedis(new Redis({ sentinels: [{ host: HOST, port }], name: 'main' })),
  },
  {
    name: 'ioredis 5',
    open: async port =>
      openIoRedis(new Redis5({ sentinels: [{ host: HOST, port }], name: 'main' })),
  },
];

function sentinelOf(port: number) {
  return { name: 'main', sentinelRootNodes: [{ host: HOST, port }] };
}

function rootNodes(port: number): {
  readonly rootNodes: { socket: { host: string; port: number } }[];
} {
  return { rootNodes: [{ socket: { host: HOST, port } }] };
}

/** The common part of the versions of node-redis. */
type NodeRedis = RedisClient &
  Emitter & {
    on(event: 'error', listener: () => void): unknown;
    connect(): Promise<unknown>;
    destroy(): void;
  };

async function openNodeRedis(
  client: NodeRedis & { sendCommand(words: string[]): Promise<unknown> },
): Promise<OpenClient> {
  client.on('error', ignoreErrors);
  await client.connect();
  return {
    client,
    command: (...words) => client.sendCommand(words),
    listeners: () => countListeners(client),
    close: async () => client.destroy(),
  };
}

async function openNodeRedisCluster(
  client: NodeRedis & {
    sendCommand(key: string | undefined, isReadonly: boolean, words: string[]): Promise<unknown>;
  },
): Promise<OpenClient> {
  await client.connect();
  return {
    client,
    command: (...words) => client.sendCommand(words[1], false, words),
    listeners: () => countListeners(client),
    close: async () => client.destroy(),
  };
}

async function openSentinel(
  client: NodeRedis & { sendCommand(isReadonly: boolean, words: string[]): Promise<unknown> },
): Promise<OpenClient> {
  client.on('error', ignoreErrors);
  await client.connect();
  return {
    client,
    command: (...words) => client.sendCommand(false, words),
    listeners: () => countListeners(client),
    close: async () => client.destroy(),
  };
}

/** The common part of the versions of ioredis. */
type IoRedis = RedisClient &
  Emitter & {
    on(event: 'error', listener: () => void): unknown;
    call(command: string, ...words: string[]): Promise<unknown>;
    disconnect(): void;
  };

function openIoRedis(client: IoRedis): OpenClient {
  client.on('error', ignoreErrors);
  return {
    client,
    command: (word = '', ...words) => client.call(word, ...words),
    listeners: () => countListeners(client),
    close: async () => client.disconnect(),
  };
}

interface Emitter {
  eventNames(): readonly (string | symbol)[];
  listenerCount(name: string | symbol): number;
}

function countListeners(emitter: Emitter): number {
  return emitter.eventNames().reduce((sum, name) => sum + emitter.listenerCount(name), 0);
}

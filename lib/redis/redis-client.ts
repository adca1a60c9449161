import { OptionsInvalidError, toSafeCause } from '../errors/index.js';

/** What is used of a client of `ioredis` (5 or 6): a `Redis` or a `Cluster`. */
export interface IoRedisClient {
  /** The state of the connection; only its presence is looked at. */
  readonly status: string;
  /** Sends any command; only its presence is looked at. */
  call(command: string, ...args: string[]): Promise<unknown>;
  /** Runs a script. */
  eval(script: string, keyCount: number, ...keysAndValues: string[]): Promise<unknown>;
}

/** What is used of a client of `redis` (node-redis 5 or 6): of a client, a pool, a cluster or a sentinel. */
export interface NodeRedisClient {
  /** Whether the client was told to connect; only its presence is looked at. */
  readonly isOpen: boolean;
  /** Runs a script. */
  eval(script: string, options?: { keys?: string[]; arguments?: string[] }): Promise<unknown>;
}

/** A client that the application made, connects and closes. */
export type RedisClient = IoRedisClient | NodeRedisClient;

/** A script with what it works on. */
export interface ScriptCall {
  /** The Lua source. */
  readonly script: string;
  /** `KEYS`; all in one slot of a cluster. */
  readonly keys: readonly string[];
  /** `ARGV`. */
  readonly values: readonly string[];
  /** What a failure must not show. */
  readonly secrets?: readonly string[];
}

/** Runs a script in Redis, on whatever client there is. */
export type RunScript = (call: ScriptCall) => Promise<unknown>;

/**
 * Tells the two clients apart by their shape.
 * @throws {@link OptionsInvalidError} `WX_CLOUD_OPTIONS_INVALID` when it is neither
 */
export function scriptRunner(client: unknown): RunScript {
  if (isIoRedis(client)) {
    return runSafely(({ script, keys, values }) =>
      client.eval(script, keys.length, ...keys, ...values),
    );
  }
  if (isNodeRedis(client)) {
    return runSafely(({ script, keys, values }) =>
      client.eval(script, { keys: [...keys], arguments: [...values] }),
    );
  }
  throw new OptionsInvalidError({
    option: 'redisAccessTokenStore.client',
    expected: 'a client of ioredis or of redis (node-redis from 5 on)',
    remedy:
      'Pass what new Redis() or createClient() returned: no options, no legacy(), no multi().',
  });
}

/** The errors of ioredis carry the whole command, and a command carries the token. */
function runSafely(run: RunScript): RunScript {
  return async call => {
    try {
      return await run(call);
    } catch (error) {
      throw toSafeCause(error, call.secrets);
    }
  };
}

function isIoRedis(client: unknown): client is IoRedisClient {
  return (
    hasMember(client, 'eval', 'function') &&
    hasMember(client, 'call', 'function') &&
    hasMember(client, 'status', 'string')
  );
}

/** Also leaves out the client of node-redis 3 and `legacy()`, whose `eval` takes a callback. */
function isNodeRedis(client: unknown): client is NodeRedisClient {
  return hasMember(client, 'eval', 'function') && hasMember(client, 'isOpen', 'boolean');
}

function hasMember(value: unknown, name: string, type: 'boolean' | 'function' | 'string'): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as Readonly<Record<string, unknown>>)[name] === type
  );
}

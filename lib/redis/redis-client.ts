import { isUint8Array } from 'node:util/types';
import { OptionsInvalidError } from '../errors/errors.js';
import { toSafeCause } from '../errors/redaction.js';
import { orDefault, readName } from '../options/validation.js';

/** The required part of a client of `ioredis` (5 or 6): a `Redis` or a `Cluster`. */
export interface IoRedisClient {
  /** The state of the connection; only its presence is checked. */
  readonly status: string;
  /** Sends any command; only its presence is checked. */
  call(command: string, ...args: string[]): Promise<unknown>;
  /** Runs a script. */
  eval(script: string, keyCount: number, ...keysAndValues: string[]): Promise<unknown>;
}

/**
 * The required part of a client of `redis` (node-redis 5 or 6): a client, a pool, a cluster or a
 * sentinel.
 */
export interface NodeRedisClient {
  /** True when the client was told to connect; only its presence is checked. */
  readonly isOpen: boolean;
  /** Runs a script. */
  eval(script: string, options?: { keys?: string[]; arguments?: string[] }): Promise<unknown>;
}

/** A client that the application creates, connects and closes. */
export type RedisClient = IoRedisClient | NodeRedisClient;

const DEFAULT_PREFIX = 'wx-cloud-storage:';

/** A script with its keys and values. */
interface ScriptCall {
  /** The Lua source. */
  readonly script: string;
  /** `KEYS`; all in one slot of a cluster. */
  readonly keys: readonly string[];
  /** `ARGV`. */
  readonly values: readonly string[];
  /** Literals to mask in errors. */
  readonly secrets?: readonly string[];
}

/** Runs a script in Redis with either client. */
export type RunScript = (call: ScriptCall) => Promise<unknown>;

/**
 * Reads the prefix of the names of keys; undefined reads as the default.
 * @throws {@link OptionsInvalidError} `WX_CLOUD_OPTIONS_INVALID`
 */
export function readPrefix(option: string, value: unknown): string {
  const prefix = readName(
    option,
    orDefault(value, DEFAULT_PREFIX),
    'Leave it out for the default.',
  );
  if (!/[{}]/.test(prefix)) return prefix;
  throw new OptionsInvalidError({
    option,
    expected: 'a string without { and }',
    remedy:
      'The store adds its own, so that keys that belong together are in one slot of a cluster.',
  });
}

/**
 * Creates the function that runs scripts; tells the two clients apart by their shape. Errors name
 * the client by `option`.
 * @throws {@link OptionsInvalidError} `WX_CLOUD_OPTIONS_INVALID` when it is neither
 */
export function scriptRunner(option: string, client: unknown): RunScript {
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
    option,
    expected: 'a client of ioredis or of redis (node-redis 5 or later)',
    remedy:
      'Pass what new Redis() or createClient() returned: no options, no legacy(), no multi().',
  });
}

/** Masks errors. Those of ioredis carry the whole command, which contains the token. */
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

/**
 * True for node-redis 5 or 6. The client of node-redis 3 and `legacy()`, whose `eval` takes a
 * callback, have no `isOpen`.
 */
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

/** Returns the list of a reply; an empty one for anything else. */
export function listOf(reply: unknown): readonly unknown[] {
  return Array.isArray(reply) ? reply : [];
}

/** Returns the text of a reply; clients may be configured to return buffers. */
export function textOf(value: unknown): string | undefined {
  if (isUint8Array(value)) return Buffer.from(value).toString('utf8');
  return typeof value === 'string' ? value : undefined;
}

/** Returns the number of a reply; clients may be configured to return strings or big integers. */
export function numberOf(value: unknown): number {
  return Number(textOf(value) ?? value);
}

/** The address of all servers. */
export const HOST: '127.0.0.1';

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

/**
 * Starts `redis-server` with the arguments for a port and a folder, and waits until it responds.
 */
export function startRedisProgram(
  argumentsOf: (port: number, folder: string) => Promise<readonly string[]>,
): Promise<RedisServer>;

/** A port that was free a moment ago. */
export function freePort(): Promise<number>;

import { channel, type Channel } from 'node:diagnostics_channel';
import { performance } from 'node:perf_hooks';
import { WxCloudStorageError, type WxCloudStorageErrorCode } from './errors/errors.js';

/** Context of all log lines of this package: the name of its module. */
export const LOG_CONTEXT = 'WxCloudStorageModule';

/** Members of every event. */
interface TimedEvent {
  /** Duration in milliseconds. */
  readonly durationMs: number;
  /** Error code; absent after a success. */
  readonly code?: WxCloudStorageErrorCode | 'unknown';
}

/**
 * Published to `wx-cloud-storage:request` when the head of an HTTP response has arrived, or the
 * request has failed.
 */
export interface WxCloudRequestEvent extends TimedEvent {
  /** Path of the API, or `POST object` and the like; never a whole address. */
  readonly endpoint: string;
  /** The HTTP method. */
  readonly method: string;
  /** The HTTP status; absent without a response. */
  readonly status?: number;
}

/** Published to `wx-cloud-storage:token` when the fetch of a token has succeeded or failed. */
export interface WxCloudTokenEvent extends TimedEvent {
  /** The environment ID of the instance. */
  readonly env: string;
  /** The `type` of the instance's `auth`. */
  readonly type: string;
  /** Lifetime of the token in seconds; absent after a failure. */
  readonly expiresInSeconds?: number;
}

/** Published to `wx-cloud-storage:upload` when the upload of an object has succeeded or failed. */
export interface WxCloudUploadEvent extends TimedEvent {
  /** The environment ID of the instance. */
  readonly env: string;
  /** Size of the object in bytes. */
  readonly size: number;
  /**
   * Number of attempts to send the object. An attempt that began while the file arrived, and was
   * given up because the form went on after the file, counts too.
   */
  readonly tries: number;
}

/**
 * Channel of every request to WeChat and COS.
 * @see {@link WxCloudRequestEvent}
 */
export const requestChannel = channel('wx-cloud-storage:request');
/**
 * Channel of every fetch of a token.
 * @see {@link WxCloudTokenEvent}
 */
export const tokenChannel = channel('wx-cloud-storage:token');
/**
 * Channel of every upload of an object.
 * @see {@link WxCloudUploadEvent}
 */
export const uploadChannel = channel('wx-cloud-storage:upload');

/** Runs `work` and publishes its outcome to a channel; without subscribers it costs nothing. */
export function publishOutcome<T, Event extends TimedEvent>(
  to: Channel,
  work: () => Promise<T>,
  describe: (result: T | undefined) => Omit<Event, keyof TimedEvent>,
): Promise<T> {
  return to.hasSubscribers ? publishing(to, work, describe) : work();
}

async function publishing<T, Event extends TimedEvent>(
  to: Channel,
  work: () => Promise<T>,
  describe: (result: T | undefined) => Omit<Event, keyof TimedEvent>,
): Promise<T> {
  const startedAtMs = performance.now();
  const publish = (result: T | undefined, failure: object): void =>
    to.publish({ ...describe(result), ...failure, durationMs: performance.now() - startedAtMs });
  try {
    const result = await work();
    publish(result, {});
    return result;
  } catch (error) {
    publish(undefined, { code: error instanceof WxCloudStorageError ? error.code : 'unknown' });
    throw error;
  }
}

/** Receiver of log lines for operators; Nest's `Logger` fits. */
export interface StorageLogger {
  /** Logs information about the start. */
  log(message: string): void;
  /** Logs a failure that persists until an operator changes something. */
  error(message: string): void;
  /** Logs something that an operator should look at. */
  warn(message: string): void;
  /** Logs details for tracing. */
  debug(message: string): void;
}

import { channel, type Channel } from 'node:diagnostics_channel';
import { performance } from 'node:perf_hooks';
import { WxCloudStorageError, type WxCloudStorageErrorCode } from './errors/errors.js';

/** The context of all lines of this package: the name of its module. */
export const LOG_CONTEXT = 'WxCloudStorageModule';

/** What all events have. */
interface TimedEvent {
  /** How long it took, in milliseconds. */
  readonly durationMs: number;
  /** Why it failed; absent when it did not. */
  readonly code?: WxCloudStorageErrorCode | 'unknown';
}

/**
 * Published to `wx-cloud-storage:request` when an HTTP request has its answer's head, or failed.
 */
export interface WxCloudRequestEvent extends TimedEvent {
  /** What was called: the path of an API, or `POST object` and its likes; never a whole address. */
  readonly endpoint: string;
  /** The HTTP method. */
  readonly method: string;
  /** The HTTP status; absent without an answer. */
  readonly status?: number;
}

/** Published to `wx-cloud-storage:token` when a token was fetched, or could not be. */
export interface WxCloudTokenEvent extends TimedEvent {
  /** The environment ID of the instance. */
  readonly env: string;
  /** How the instance authenticates: the `type` of its `auth`. */
  readonly type: string;
  /** How long the token lives, in seconds; absent after a failure. */
  readonly expiresInSeconds?: number;
}

/** Published to `wx-cloud-storage:upload` when an object was stored, or could not be. */
export interface WxCloudUploadEvent extends TimedEvent {
  /** The environment ID of the instance. */
  readonly env: string;
  /** How many bytes the object has. */
  readonly size: number;
  /** How often it was sent, or was to be sent. */
  readonly tries: number;
}

/** Every request to WeChat and COS. @see {@link WxCloudRequestEvent} */
export const requestChannel = channel('wx-cloud-storage:request');
/** Every fetch of a token. @see {@link WxCloudTokenEvent} */
export const tokenChannel = channel('wx-cloud-storage:token');
/** Every upload of an object. @see {@link WxCloudUploadEvent} */
export const uploadChannel = channel('wx-cloud-storage:upload');

/**
 * Does some work, and tells the subscribers of a channel how it went; costs nothing without any.
 */
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

/** Where lines for operators go; Nest's `Logger` fits. */
export interface StorageLogger {
  /** Takes what an operator may want to know of the start. */
  log(message: string): void;
  /** Takes what makes requests fail until an operator changes something. */
  error(message: string): void;
  /** Takes what an operator should look at. */
  warn(message: string): void;
  /** Takes what helps to follow what happened. */
  debug(message: string): void;
}

import { AsyncLocalStorage } from 'node:async_hooks';
import { channel, tracingChannel, type TracingChannel } from 'node:diagnostics_channel';
import { performance } from 'node:perf_hooks';
import { WxCloudStorageError, type WxCloudStorageErrorCode } from './errors/errors.js';

/** Context of all log lines of this package: the name of its module. */
export const LOG_CONTEXT = 'WxCloudStorageModule';

/**
 * Members of every event. An operation has one event, which all messages about it hold: its outcome
 * is added until `asyncStart`. No event holds a result, a link, content, a token or an error.
 */
interface TracedEvent {
  /** Duration in milliseconds; absent until the operation has ended. */
  readonly durationMs?: number;
  /** Error code, `unknown` for an error of the function `path`; absent until a failure. */
  readonly code?: WxCloudStorageErrorCode | 'unknown';
}

/** Members of the events of one instance. */
interface InstanceEvent extends TracedEvent {
  /** The environment ID of the instance. */
  readonly env: string;
}

/**
 * Event of `wx-cloud-storage:request`: an HTTP request to WeChat or COS, until the head of its
 * response has arrived, or the request has failed.
 */
export interface WxCloudRequestEvent extends TracedEvent {
  /** Path of the API, or `POST object` and the like; never a whole address. */
  readonly endpoint: string;
  /** The HTTP method. */
  readonly method: string;
  /** The HTTP status; absent without a response. */
  readonly status?: number;
  /**
   * The events of the operations that share the request, in order: several calls for links,
   * deletions or signed file IDs. The request belongs to the first one. Absent for a single
   * operation.
   */
  readonly callers?: readonly object[];
}

/**
 * Event of `wx-cloud-storage:token`: a fetch of a token with its repeats. It belongs to the
 * operation that needed the token first.
 */
export interface WxCloudTokenEvent extends InstanceEvent {
  /** The `type` of the instance's `auth`. */
  readonly type: string;
  /** Lifetime of the token in seconds; absent until a success. */
  readonly expiresInSeconds?: number;
}

/**
 * Event of `wx-cloud-storage:upload`: the upload of one file with its repeats, the reading of its
 * content, and the clean-up after a failure.
 */
export interface WxCloudUploadEvent extends InstanceEvent {
  /** Size of the object in bytes; 0 until it is known. */
  readonly size: number;
  /**
   * Number of attempts to send the object; 0 until the end. An attempt that began while the file
   * arrived, and was given up because the form went on after the file, counts too.
   */
  readonly tries: number;
}

/** Event of `wx-cloud-storage:download`: a download until its stream has ended or was destroyed. */
export interface WxCloudDownloadEvent extends InstanceEvent {
  /**
   * Number of bytes to read; absent until the head of the response has arrived. After a reader has
   * left before the end, the number of bytes that had arrived.
   */
  readonly size?: number;
  /** True when the reader has left before the end, which is no failure; absent otherwise. */
  readonly wasLeft?: true;
}

/** Members of the events of calls for several files. */
interface FilesEvent extends InstanceEvent {
  /** Number of files. */
  readonly files: number;
  /** Number of files that failed; absent until a result, which a call without any has not. */
  readonly failed?: number;
}

/** Event of `wx-cloud-storage:links`: a call for temporary links. Cached ones need no request. */
export type WxCloudLinksEvent = FilesEvent;

/** Event of `wx-cloud-storage:delete`: a deletion of files, also one that cleans up. */
export type WxCloudDeleteEvent = FilesEvent;

/** Event of `wx-cloud-storage:form`: the creation of a form or a URL for a client's upload. */
export type WxCloudFormEvent = InstanceEvent;

/** Event of `wx-cloud-storage:copy`: a copy of a file, also one that moves it. */
export interface WxCloudCopyEvent extends InstanceEvent {
  /** Size of the copy in bytes; absent until a success. */
  readonly size?: number;
}

/** Event of `wx-cloud-storage:list`: one page of a list. */
export interface WxCloudListEvent extends InstanceEvent {
  /** Number of entries of the page; absent until a success. */
  readonly entries?: number;
}

/** An event while its operation fills it. */
export type OpenEvent<Event> = { -readonly [Member in keyof Event]: Event[Member] };

type OperationChannel<Event extends object> = TracingChannel<unknown, Event>;

function createChannel<Event extends object>(name: string): OperationChannel<Event> {
  return tracingChannel<unknown, Event>(`wx-cloud-storage:${name}`);
}

/** The channels of all operations. */
export const channels = {
  upload: createChannel<WxCloudUploadEvent>('upload'),
  download: createChannel<WxCloudDownloadEvent>('download'),
  links: createChannel<WxCloudLinksEvent>('links'),
  delete: createChannel<WxCloudDeleteEvent>('delete'),
  form: createChannel<WxCloudFormEvent>('form'),
  copy: createChannel<WxCloudCopyEvent>('copy'),
  list: createChannel<WxCloudListEvent>('list'),
  token: createChannel<WxCloudTokenEvent>('token'),
  request: createChannel<WxCloudRequestEvent>('request'),
} as const;

/** The traced operation that runs, and the operations for which a batch runs. */
interface Running {
  readonly event: object;
  readonly callers?: readonly object[];
}

const running = new AsyncLocalStorage<Running>();

/**
 * Runs an operation and publishes it to a channel, if anybody subscribes to that; otherwise it just
 * runs, with undefined. `tracePromise` of Node would add the result and the error to the event.
 * `mayShare` is false for operations that share no request with others: a store that is used costs
 * all promises of the process.
 */
export function trace<Event extends TracedEvent, T>(
  to: OperationChannel<Event>,
  describe: () => NoInfer<Event>,
  work: (event: OpenEvent<Event> | undefined) => Promise<T>,
  mayShare = true,
): Promise<T> {
  if (!to.hasSubscribers) return work(undefined);
  const event: OpenEvent<Event> = describe();
  const startedAtMs = performance.now();
  return to.start.runStores(event, () => {
    // Within a request for several operations, e.g. a token is only for that request.
    const isKept = mayShare || sharingOperations() !== undefined;
    const run = () => (isKept ? running.run({ event }, work, event) : work(event));
    const working = inContextOf(event, run);
    const result = conclude(to, event, working, startedAtMs);
    to.end.publish(event);
    return result;
  });
}

async function conclude<Event extends TracedEvent, T>(
  { error: failed, asyncStart, asyncEnd }: OperationChannel<Event>,
  event: OpenEvent<TracedEvent>,
  working: Promise<T>,
  startedAtMs: number,
): Promise<T> {
  try {
    return await working;
  } catch (error) {
    event.code = error instanceof WxCloudStorageError ? error.code : 'unknown';
    throw error;
  } finally {
    event.durationMs = performance.now() - startedAtMs;
    if (event.code !== undefined) failed.publish(event);
    asyncStart.publish(event);
    asyncEnd.publish(event);
  }
}

/**
 * Where an instrumentation provides the context of work: it replaces `run` of the message, whose
 * `event` is that of the operation, or undefined for the sending of an HTTP request. A store that
 * is bound to `start` could not do that, as OpenTelemetry keeps its own to itself.
 */
const contextChannel = channel('wx-cloud-storage:context');

/** True when an instrumentation provides contexts. */
export function isInstrumented(): boolean {
  return contextChannel.hasSubscribers;
}

/** Runs work in the context that an instrumentation provides for it. */
function inContextOf<T>(event: object | undefined, work: () => T): T {
  if (!isInstrumented()) return work();
  const message = { event, run: (own: () => T): T => own() };
  contextChannel.publish(message);
  return message.run(work);
}

/** Runs a call with an access token in its arguments, which no instrumentation may trace. */
export function runUntraced<T>(work: () => T): T {
  return inContextOf(undefined, work);
}

const pendingChannel = channel('wx-cloud-storage:pending');

/**
 * Publishes that an upload was recorded as pending, or has ended. `upload` is the same object both
 * times.
 */
export function publishPending(env: string, upload: object, isPending: boolean): void {
  if (pendingChannel.hasSubscribers) pendingChannel.publish({ env, upload, isPending });
}

/** The events of the operations that share what runs, if there are several. */
export function sharingOperations(): readonly object[] | undefined {
  return running.getStore()?.callers;
}

/** A traced operation that waits for work that does not run in its own context. */
export interface WaitingOperation {
  /** Its event. */
  readonly event: object;
  /** Runs work in its context. */
  readonly run: <T>(work: () => T) => T;
}

/** Returns the traced operation that runs; undefined for one that is not traced. */
export function captureOperation(): WaitingOperation | undefined {
  const event = running.getStore()?.event;
  return event && { event, run: AsyncLocalStorage.snapshot() };
}

/** Runs work for all operations that wait for it, in the context of the first one. */
export function runForAll<T>(operations: readonly WaitingOperation[], work: () => T): T {
  const [first] = operations;
  if (first === undefined) return work();
  const callers = [...new Set(operations.map(({ event }) => event))];
  if (callers.length === 1) return first.run(work);
  return first.run(() => running.run({ event: first.event, callers }, work));
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

/** Shortest time between two warnings of one kind, in milliseconds. */
const QUIET_MS = 60_000;

/** Times of the warnings about an object that several instances use, such as a store. */
const sharedTimes = new WeakMap<object, Map<string, number>>();

function timesOf(subject: object): Map<string, number> {
  const times = sharedTimes.get(subject) ?? new Map<string, number>();
  sharedTimes.set(subject, times);
  return times;
}

/** Warnings that clients or an outage could repeat without end: one a minute of a kind. */
export class RareWarnings {
  readonly #logger: Pick<StorageLogger, 'warn'>;
  readonly #nowMs: () => number;
  readonly #warnedAtMs: Map<string, number>;

  /**
   * Writes nothing yet. `nowMs` is a monotonic clock in milliseconds. The warnings about one
   * `subject` are counted together, as hundreds of instances may share it.
   */
  constructor(
    logger: Pick<StorageLogger, 'warn'>,
    nowMs = (): number => performance.now(),
    subject: object = {},
  ) {
    this.#warnedAtMs = timesOf(subject);
    this.#logger = logger;
    this.#nowMs = nowMs;
  }

  /** Writes a warning. Returns false where one of its kind was written within the last minute. */
  warn(kind: string, message: string): boolean {
    const nowMs = this.#nowMs();
    if (nowMs - (this.#warnedAtMs.get(kind) ?? -Infinity) < QUIET_MS) return false;
    this.#warnedAtMs.set(kind, nowMs);
    this.#logger.warn(message);
    return true;
  }
}

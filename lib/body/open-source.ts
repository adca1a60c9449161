import { open, stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { WxCloudStorageError } from '../errors/errors.js';
import type { ResolvedCos, ResolvedTimeouts, ResolvedUpload } from '../options/resolved-options.js';
import type { ChunkBuffer } from './chunk-buffer.js';
import { NO_CHUNK, type ChunkReader, readChunks, sourceFailed } from './chunks.js';
import { readMediaType, UNKNOWN_CONTENT_TYPE } from './content-type.js';
import type { MemoryBudget } from './memory-budget.js';
import { openPassing } from './passing-source.js';
import { openSpool, type SpoolContext } from './spool.js';
import type { DiskBudget } from './temporary-file.js';
import {
  exactly,
  HEAD_BYTES,
  MeasuredSource,
  type OpenedSource,
  openStream,
  type UploadBody,
} from './upload-body.js';

/**
 * Content to upload. Text is sent as UTF-8. A stream is read once and destroyed when the upload
 * fails.
 */
export type WxCloudUploadSource =
  Uint8Array | string | Blob | Readable | ReadableStream | AsyncIterable<Uint8Array | string>;

/** Chunks in a queue; the source does not touch them again. */
export interface QueuedSource extends AsyncIterable<Uint8Array> {
  /** True when its memory is needed elsewhere. */
  readonly isMoveRequested: boolean;
  /** Number of bytes that it was given; undefined before its end. */
  readonly countedBytes: number | undefined;
  /**
   * Takes all chunks when the content is complete, nothing was read, and the budget has room for
   * them; otherwise undefined. The caller releases them.
   */
  takeWhole(): ChunkBuffer | undefined;
}

/**
 * Anything that can be opened: content in some form, a queue, or a local file. A stream whose
 * `size` the caller knows is not kept. `mostBytes` is about the maximum size of a queue, where
 * known.
 */
export type SourceInput =
  | { readonly source: WxCloudUploadSource; readonly size: number | undefined }
  | {
      readonly queue: QueuedSource;
      readonly size: number | undefined;
      readonly mostBytes: number | undefined;
    }
  | { readonly localPath: string };

/** The part of an instance that sources use. */
export interface SourceContext {
  /** Memory limit for content of unknown length, and the idle limit of a stream. */
  readonly options: {
    /** Set where content of unknown length need not be kept before it is sent. */
    readonly cos?: ResolvedCos | undefined;
    readonly upload: Pick<ResolvedUpload, 'memoryLimitBytes'>;
    readonly timeouts: Pick<ResolvedTimeouts, 'idleMs'>;
  };
  /** The memory that all uploads together may hold. */
  readonly budget: MemoryBudget;
  /** The disk space that all temporary files together may take, and their folder. */
  readonly diskBudget: DiskBudget;
}

/** Limits and budgets for reading and keeping one source. */
type Reading = SpoolContext & {
  /** Opens content of unknown length. */
  readonly openUnmeasured: typeof openSpool;
  readonly idleMs: number;
  readonly signal: AbortSignal;
};

/**
 * Opens a source and reads no more than its first bytes. The caller disposes of it after use. The
 * signal ends the reading as long as the source is in use.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_ARGUMENT_INVALID` for an unsupported body or a
 * wrong size; `WX_CLOUD_BODY_FAILED`; `WX_CLOUD_SIZE_MISMATCHED`; `WX_CLOUD_SPOOL_FAILED`
 */
export async function openSource(
  input: SourceInput,
  { options, budget, diskBudget }: SourceContext,
  signal: AbortSignal,
): Promise<OpenedSource> {
  const { memoryLimitBytes } = options.upload;
  const { idleMs } = options.timeouts;
  const openUnmeasured = options.cos === undefined ? openSpool : openPassing;
  const limits = { memoryLimitBytes, budget, diskBudget, openUnmeasured, idleMs, signal };
  if ('localPath' in input) return openFile(input.localPath, idleMs);
  if ('queue' in input) {
    const { queue, size, mostBytes } = input;
    const countedBytes = (): number | undefined => queue.countedBytes;
    return openQueue(queue, size, { ...limits, ownsChunks: true, mostBytes, countedBytes });
  }
  const { source, size } = input;
  return openGiven(source, size, { ...limits, ownsChunks: false, mostBytes: undefined });
}

/** Uses content as it is when it is complete and may stay in memory. */
async function openQueue(
  queue: QueuedSource,
  size: number | undefined,
  reading: Reading,
): Promise<OpenedSource> {
  const { idleMs, signal } = reading;
  const kept = queue.takeWhole();
  if (kept !== undefined) return openWhole(kept, size, reading);
  const chunks = readChunks(queue, idleMs, signal);
  if (size === undefined) return reading.openUnmeasured(chunks, reading);
  // Without memory left, it goes to disk while it waits for its turn to be sent.
  if (queue.isMoveRequested && reading.diskBudget.fits(size)) {
    return openSpool(exactly(chunks, size), { ...reading, mostBytes: size });
  }
  return openStream(chunks, size, reading);
}

async function openWhole(
  kept: ChunkBuffer,
  size: number | undefined,
  reading: Reading,
): Promise<OpenedSource> {
  try {
    assertWholeSize(kept.size, size);
    if (kept.size > reading.memoryLimitBytes) {
      const { idleMs, signal } = reading;
      return await openSpool(readChunks(takeFrom(kept), idleMs, signal), reading);
    }
  } catch (error) {
    kept.release();
    throw error;
  }
  const { blocks } = kept;
  const { countedBytes } = reading;
  const body = { ...replayable(kept.size, () => blocks), countedBytes };
  return new MeasuredSource(kept.head(HEAD_BYTES), body, async () => kept.release());
}

/** Reads kept chunks and releases each one as it is read. */
function takeFrom(kept: ChunkBuffer): ChunkReader {
  return {
    next: async () => {
      const value = kept.shift();
      return value === undefined ? NO_CHUNK : { done: false, value };
    },
    return: async () => {
      kept.release();
      return NO_CHUNK;
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

async function openGiven(
  source: WxCloudUploadSource,
  size: number | undefined,
  reading: Reading,
): Promise<OpenedSource> {
  const { idleMs, signal } = reading;
  assertSize(size);
  if (isAsyncIterable(source)) {
    const chunks = readChunks(source, idleMs, signal);
    const counted = { ...reading, countedBytes: () => chunks.countedBytes };
    if (size === undefined) return reading.openUnmeasured(chunks, counted);
    return openStream(chunks, size, counted);
  }
  if (source instanceof Blob) return openBlob(source, size, idleMs);
  const bytes = typeof source === 'string' ? Buffer.from(source) : source;
  if (!(bytes instanceof Uint8Array)) throw notABody(source);
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  assertWholeSize(buffer.byteLength, size);
  const body = replayable(buffer.byteLength, () => buffer);
  return new MeasuredSource(buffer.subarray(0, HEAD_BYTES), body);
}

/** The fallback media type of a source whose first bytes show none. */
export function typeOfSource(source: WxCloudUploadSource): string {
  if (typeof source === 'string') return 'text/plain; charset=utf-8';
  return (source instanceof Blob && readMediaType(source.type)) || UNKNOWN_CONTENT_TYPE;
}

async function openBlob(
  blob: Blob,
  size: number | undefined,
  idleMs: number,
): Promise<OpenedSource> {
  const head = await blob.slice(0, HEAD_BYTES).arrayBuffer().catch(throwSourceFailed);
  assertWholeSize(blob.size, size);
  const body = replayable(blob.size, signal =>
    exactly(readChunks(blob.stream() as ReadableStream, idleMs, signal), blob.size),
  );
  return new MeasuredSource(new Uint8Array(head), body);
}

/** Opens a file that is read again for every attempt. */
async function openFile(localPath: string, idleMs: number): Promise<OpenedSource> {
  const size = await fileSize(localPath);
  const head = await readHead(localPath);
  const body = replayable(size, signal =>
    exactly(readChunks(readFile(localPath), idleMs, signal), size),
  );
  return new MeasuredSource(head, body);
}

function replayable(size: number, openBytes: UploadBody['open']): UploadBody {
  return { size, isReplayable: true, open: openBytes };
}

async function fileSize(localPath: string): Promise<number> {
  const found = await stat(localPath).catch((error: unknown) => {
    throw unreadable(error);
  });
  if (found.isFile()) return found.size;
  throw unreadable(new Error('not a regular file'));
}

async function readHead(localPath: string): Promise<Uint8Array> {
  const handle = await open(localPath, 'r').catch((error: unknown) => {
    throw unreadable(error);
  });
  try {
    const reading = handle.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    const { buffer, bytesRead } = await reading.catch(throwSourceFailed);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

async function* readFile(localPath: string): AsyncGenerator<Uint8Array, void, undefined> {
  const handle = await open(localPath, 'r');
  try {
    for (;;) {
      const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(262_144));
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

function assertSize(size: number | undefined): void {
  if (size === undefined || (Number.isSafeInteger(size) && size >= 0)) return;
  throw invalidArgument('size must be a whole number of bytes from 0');
}

/** Checks that a complete body has the declared size. */
function assertWholeSize(found: number, declared: number | undefined): void {
  if (declared === undefined || declared === found) return;
  throw new WxCloudStorageError({
    code: 'WX_CLOUD_SIZE_MISMATCHED',
    message: `The body to upload has ${found} bytes instead of the ${declared} declared; nothing was stored. Declare its exact size, or none.`,
  });
}

function notABody(value: unknown): WxCloudStorageError {
  const found = value === null ? 'null' : typeof value;
  return invalidArgument(
    `the body is ${found}, not bytes, text, a Blob, a stream or an async iterable. Pass one of these`,
  );
}

function invalidArgument(what: string): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_ARGUMENT_INVALID',
    message: `upload: ${what}.`,
  });
}

/** A Blob may be backed by a file that is gone or changed. */
function throwSourceFailed(error: unknown): never {
  throw sourceFailed(error);
}

function unreadable(cause: unknown): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_BODY_FAILED',
    message: 'The local file to upload could not be read; nothing was stored. See the cause.',
    cause,
  });
}

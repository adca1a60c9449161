import { open, stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { WxCloudStorageError } from '../errors/index.js';
import type { ResolvedUpload } from '../options/index.js';
import { UNKNOWN_CONTENT_TYPE } from './detect-content-type.js';
import type { DiskBudget } from './disk-budget.js';
import { readMediaType } from './media-type.js';
import type { MemoryBudget } from './memory-budget.js';
import { readPieces, sourceFailed } from './read-pieces.js';
import { spool } from './spool.js';
import { exactly, streamBody } from './stream-body.js';
import { HEAD_BYTES, replayableBody, type UploadBody } from './upload-body.js';

/** What can be uploaded. Text is sent as UTF-8. A stream is read once and destroyed when the upload fails. */
export type UploadSource =
  Uint8Array | string | Blob | Readable | ReadableStream | AsyncIterable<Uint8Array | string>;

/** What opening a body takes. */
export interface OpenBodyContext {
  /** The size, when the caller knows it: a stream is then not kept. */
  readonly size: number | undefined;
  /** Whether the source does not touch a piece again once it has given it. @defaultValue false */
  readonly areGivenAway?: boolean | undefined;
  /** Limits for bodies of unknown length. */
  readonly limits: ResolvedUpload;
  /** The memory that all uploads together may hold. */
  readonly budget: MemoryBudget;
  /** The disk that all temporary files together may take, and their place. */
  readonly diskBudget: DiskBudget;
  /** The most bytes that a body of unknown length can have, where that is known. */
  readonly mostBytes?: number | undefined;
  /** How long a piece of a stream may take, in milliseconds. */
  readonly idleMs: number;
  /** Ends the reading, for as long as the body is used. */
  readonly signal: AbortSignal;
  /** Looks at the first bytes before anything else happens; what it throws refuses the body. */
  readonly inspectHead: (head: Uint8Array) => Promise<void>;
}

/**
 * Makes a body of known length from whatever was given. Dispose of it when it has been sent or given up.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_ARGUMENT_INVALID` when it is nothing that can be uploaded, or its size
 * is wrong; `WX_CLOUD_BODY_FAILED`; `WX_CLOUD_SPOOL_FAILED`; whatever `inspectHead` throws
 */
export async function openUploadBody(
  source: UploadSource,
  context: OpenBodyContext,
): Promise<UploadBody> {
  assertSize(context.size);
  if (isAsyncIterable(source)) return openStream(source, context);
  const { body, head } = await openKnown(source, context);
  assertWholeSize(body.size, context.size);
  await context.inspectHead(head);
  return body;
}

/** The media type of a source whose first bytes show none. */
export function typeOfSource(source: UploadSource): string {
  if (typeof source === 'string') return 'text/plain; charset=utf-8';
  return (source instanceof Blob && readMediaType(source.type)) || UNKNOWN_CONTENT_TYPE;
}

/** A body and its first bytes, up to {@link HEAD_BYTES}: fewer only when it is shorter. */
interface KnownBody {
  readonly body: UploadBody;
  readonly head: Uint8Array;
}

async function openKnown(source: UploadSource, { idleMs }: OpenBodyContext): Promise<KnownBody> {
  if (typeof source === 'string') return bufferBody(Buffer.from(source));
  if (source instanceof Uint8Array) return bufferBody(source);
  if (!(source instanceof Blob)) throw notABody(source);
  const head = source.slice(0, HEAD_BYTES).arrayBuffer();
  const body = replayableBody({
    size: source.size,
    open: signal =>
      exactly(readPieces(source.stream() as ReadableStream, { idleMs, signal }), source.size),
  });
  return { body, head: new Uint8Array(await head.catch(throwSourceFailed)) };
}

function bufferBody(bytes: Uint8Array): KnownBody {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const body = replayableBody({ size: buffer.byteLength, open: () => buffer });
  return { body, head: buffer.subarray(0, HEAD_BYTES) };
}

async function openStream(
  source: AsyncIterable<unknown>,
  context: OpenBodyContext,
): Promise<UploadBody> {
  const pieces = readPieces(source, context);
  if (context.size === undefined) return spool(pieces, context);
  return streamBody(pieces, { ...context, size: context.size });
}

/** Makes a body from a local file, which is read again for every attempt. @throws {@link WxCloudStorageError} `WX_CLOUD_BODY_FAILED` */
export async function openFileBody(
  localPath: string,
  context: OpenBodyContext,
): Promise<UploadBody> {
  const size = await fileSize(localPath);
  const { idleMs } = context;
  await context.inspectHead(await readHead(localPath));
  return replayableBody({
    size,
    open: signal => exactly(readPieces(readFile(localPath), { idleMs, signal }), size),
  });
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

/** Makes sure that a body that is at hand is as large as was said. @throws {@link WxCloudStorageError} `WX_CLOUD_SIZE_MISMATCHED` */
export function assertWholeSize(found: number, declared: number | undefined): void {
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

/** As a Blob may be a file, which can be gone or changed. */
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

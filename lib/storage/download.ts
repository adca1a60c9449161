import { constants } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { channels, type OpenEvent, trace, type WxCloudDownloadEvent } from '../diagnostics.js';
import { FileTooLargeError, WxCloudStorageError } from '../errors/errors.js';
import {
  type WxCloudDownloadBufferOptions,
  type WxCloudDownloadFileOptions,
  type WxCloudDownloadOptions,
  reportProgress,
} from './call-options.js';
import type { ObjectProperties } from './object-properties.js';
import { ObjectBody } from './object-stream.js';
import {
  assertRange,
  type WxCloudFileStat,
  fetchObject,
  type ObjectPart,
  readPart,
  toRangeHeader,
} from './read-object.js';
import type { StorageContext } from './storage-context.js';

/** A download of an object, or of a range of it. */
export interface WxCloudDownload extends Omit<
  WxCloudFileStat,
  'fileId' | 'cloudPath' | keyof ObjectProperties
> {
  /**
   * The content. The caller owns it and reads it to its end or destroys it; otherwise its
   * connection stays in use until the time limit of the call. An incomplete transfer ends in an
   * error, never in a short stream.
   */
  readonly body: Readable;
  /** Number of bytes in `body`. */
  readonly size: number;
  /** Position of the first byte in the file, from 0. */
  readonly start: number;
  /** Size of the whole file in bytes. */
  readonly totalSize: number;
}

const DEFAULT_MAX_BYTES = 104_857_600;

/** A download whose body tells how much of it has arrived. */
interface OpenedDownload extends WxCloudDownload {
  readonly body: ObjectBody;
}

/** Starts a download; resolves with the response headers. */
export function openDownload(
  context: StorageContext,
  fileId: string,
  options: WxCloudDownloadOptions,
): Promise<WxCloudDownload> {
  if (!channels.download.hasSubscribers) return startDownload(context, fileId, options);
  return new Promise((resolve, reject) => {
    const describe = () => ({ env: context.options.env });
    const run = async (event: OpenEvent<WxCloudDownloadEvent> | undefined) => {
      const download = await startDownload(context, fileId, options);
      if (event !== undefined) event.size = download.size;
      resolve(download);
      const isWhole = await untilOver(download.body);
      if (event === undefined || isWhole) return;
      event.size = download.body.arrivedBytes;
      event.wasLeft = true;
    };
    trace(channels.download, describe, run).catch(reject);
  });
}

/**
 * Waits until a body was read or destroyed. Resolves with false when its reader has left it before
 * the end, which is no failure of the storage; rejects with an error of the storage.
 */
function untilOver(body: Readable): Promise<boolean> {
  return new Promise((resolve, reject) => {
    body.once('close', () => {
      if (body.errored instanceof WxCloudStorageError) reject(body.errored);
      else resolve(body.readableEnded);
    });
  });
}

async function startDownload(
  context: StorageContext,
  fileId: string,
  options: WxCloudDownloadOptions,
): Promise<OpenedDownload> {
  const { range, verifyEtag = false, onProgress } = options;
  assertRange(range);
  const headers = toRangeHeader(range);
  if (verifyEtag && headers !== undefined) throw partialEtag();
  const deadline = context.operations.start('downloading', options);
  const { signal } = deadline;
  try {
    signal.throwIfAborted();
    const fetched = await fetchObject(context, { fileId, method: 'GET', headers, signal });
    const part = readPart(fetched, range);
    if (verifyEtag && !/^[\da-f]{32}$/i.test(part.stat.etag)) {
      fetched.response.discard();
      throw noMd5(fileId);
    }
    const report = reportProgress(context.warnings, onProgress, part.end - part.start);
    const parts = { context, fetched, part, verifyEtag, onProgress: report, signal };
    const body = new ObjectBody(parts);
    body.once('close', () => deadline.dispose());
    return describeDownload(part, body);
  } catch (error) {
    deadline.dispose();
    throw error;
  }
}

function describeDownload({ stat, start, end }: ObjectPart, body: ObjectBody): OpenedDownload {
  const { contentType, contentEncoding, etag, lastModified, size: totalSize } = stat;
  const described = { contentType, contentEncoding, etag, lastModified, totalSize };
  return { body, size: end - start, start, ...described };
}

function partialEtag(): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_ARGUMENT_INVALID',
    message: 'verifyEtag needs the whole file, as the ETag covers all of it. Leave range out.',
  });
}

function noMd5(fileId: string): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_DOWNLOAD_FAILED',
    message: `GET object: ${fileId} has an ETag that is not an MD5, like a file that was uploaded in parts. Leave verifyEtag out.`,
    endpoint: 'GET object',
  });
}

/**
 * Downloads an object, or a range of it, into memory. Content above `maxBytes` is not read at all.
 */
export async function downloadToBuffer(
  context: StorageContext,
  fileId: string,
  { maxBytes = DEFAULT_MAX_BYTES, ...options }: WxCloudDownloadBufferOptions,
): Promise<Buffer> {
  assertMaxBytes(maxBytes);
  const { body, size } = await openDownload(context, fileId, options);
  try {
    if (size > maxBytes) throw new FileTooLargeError({ subject: fileId, limitBytes: maxBytes });
    // Allocated at its final size, so that the content is never in memory twice.
    const bytes = allocate(size, fileId);
    let filled = 0;
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      bytes.set(chunk, filled);
      filled += chunk.byteLength;
    }
    return bytes;
  } catch (error) {
    // With the error, as this is a failure, and no reader who left.
    body.destroy(error as Error);
    throw error;
  }
}

/** Allocates a buffer. Node limits its size, and memory may run out before that. */
function allocate(size: number, fileId: string): Buffer {
  const limitBytes = constants.MAX_LENGTH;
  const remedy = 'Use download or downloadToFile, or request a range.';
  if (size > limitBytes) {
    const problem = `has ${size} bytes, and a buffer has at most ${limitBytes}. ${remedy}`;
    throw new FileTooLargeError({ subject: fileId, limitBytes, problem });
  }
  try {
    return Buffer.allocUnsafeSlow(size);
  } catch (cause) {
    const problem = `has ${size} bytes, more than the free memory. ${remedy}`;
    throw new FileTooLargeError({ subject: fileId, limitBytes, problem, cause });
  }
}

/**
 * Checks `maxBytes`.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_ARGUMENT_INVALID`
 */
export function assertMaxBytes(maxBytes: number): void {
  if (Number.isSafeInteger(maxBytes) && maxBytes >= 0) return;
  throw new WxCloudStorageError({
    code: 'WX_CLOUD_ARGUMENT_INVALID',
    message: 'maxBytes must be a whole number of bytes from 0. Leave it out for the default.',
  });
}

/** Downloads an object into a local file, which appears under its name only when complete. */
export async function downloadToFile(
  context: StorageContext,
  fileId: string,
  localPath: string,
  { verifyEtag, onProgress, ...options }: WxCloudDownloadFileOptions,
): Promise<void> {
  await context.operations.run('downloading', options, async signal => {
    const { body } = await openDownload(context, fileId, { signal, verifyEtag, onProgress });
    // Not named after the target, whose name may already have the maximum length.
    const partPath = join(dirname(localPath), `.${randomUUID()}.part`);
    const file = createWriteStream(partPath, { flags: 'wx' });
    // Before the pipeline destroys the body, as if its reader had left.
    file.once('error', error => void body.destroy(toFileError(error)));
    try {
      await pipeline(body, file);
      await rename(partPath, localPath);
    } catch (error) {
      await rm(partPath, { force: true });
      throw toFileError(error);
    }
  });
}

function toFileError(error: unknown): WxCloudStorageError {
  if (error instanceof WxCloudStorageError) return error;
  return new WxCloudStorageError({
    code: 'WX_CLOUD_SPOOL_FAILED',
    message:
      'The download could not be written to the local file; nothing is left of it. See the cause.',
    cause: error,
  });
}

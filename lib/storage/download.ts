import { constants } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { FileTooLargeError, WxCloudStorageError } from '../errors/errors.js';
import {
  type WxCloudDownloadBufferOptions,
  type WxCloudDownloadFileOptions,
  type WxCloudDownloadOptions,
  reportProgress,
} from './call-options.js';
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

/** An object that is being downloaded, or a part of it. */
export interface WxCloudDownload extends Omit<WxCloudFileStat, 'fileId' | 'cloudPath'> {
  /**
   * The content. Belongs to the caller: read it to its end or destroy it, else its connection stays
   * in use until the call's time is up. It ends in an error, never short, when the content does not
   * arrive whole.
   */
  readonly body: Readable;
  /** How many bytes `body` gives. */
  readonly size: number;
  /** The position in the file of the first of them, from 0. */
  readonly start: number;
  /** How many bytes the whole file has. */
  readonly totalSize: number;
}

const DEFAULT_MAX_BYTES = 104_857_600;

/** Starts to download an object; resolves once its headers are there. */
export async function openDownload(
  context: StorageContext,
  fileId: string,
  options: WxCloudDownloadOptions,
): Promise<WxCloudDownload> {
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
    const report = reportProgress(context.logger, onProgress, part.end - part.start);
    const parts = { context, fetched, part, verifyEtag, onProgress: report, signal };
    const body = new ObjectBody(parts);
    body.once('close', () => deadline.dispose());
    return describeDownload(part, body);
  } catch (error) {
    deadline.dispose();
    throw error;
  }
}

function describeDownload({ stat, start, end }: ObjectPart, body: Readable): WxCloudDownload {
  const { contentType, contentEncoding, etag, lastModified, size: totalSize } = stat;
  const described = { contentType, contentEncoding, etag, lastModified, totalSize };
  return { body, size: end - start, start, ...described };
}

function partialEtag(): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_ARGUMENT_INVALID',
    message: 'verifyEtag needs the whole file, as the ETag is that of all of it. Leave range out.',
  });
}

function noMd5(fileId: string): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_DOWNLOAD_FAILED',
    message: `GET object: ${fileId} has an ETag that is no MD5, as one that was uploaded in pieces. Leave verifyEtag out.`,
    endpoint: 'GET object',
  });
}

/**
 * Downloads an object, or a part of it, into memory; what has too many bytes is not read at all.
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
    // Of the right size from the start, so that the content is never there twice.
    const bytes = allocate(size, fileId);
    let filled = 0;
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      bytes.set(chunk, filled);
      filled += chunk.byteLength;
    }
    return bytes;
  } finally {
    body.destroy();
  }
}

/** Node knows a largest buffer, and memory may end before it. */
function allocate(size: number, fileId: string): Buffer {
  const limitBytes = constants.MAX_LENGTH;
  const remedy = 'Use download or downloadToFile, or ask for a range.';
  if (size > limitBytes) {
    const problem = `has ${size} bytes, and a buffer ${limitBytes} at most. ${remedy}`;
    throw new FileTooLargeError({ subject: fileId, limitBytes, problem });
  }
  try {
    return Buffer.allocUnsafeSlow(size);
  } catch (cause) {
    const problem = `has ${size} bytes, for which there is no memory. ${remedy}`;
    throw new FileTooLargeError({ subject: fileId, limitBytes, problem, cause });
  }
}

/**
 * Makes sure that a limit is one.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_ARGUMENT_INVALID`
 */
export function assertMaxBytes(maxBytes: number): void {
  if (Number.isSafeInteger(maxBytes) && maxBytes >= 0) return;
  throw new WxCloudStorageError({
    code: 'WX_CLOUD_ARGUMENT_INVALID',
    message: 'maxBytes must be a whole number of bytes from 0. Leave it out for the default.',
  });
}

/** Downloads an object into a local file, which appears under its name only once it is whole. */
export async function downloadToFile(
  context: StorageContext,
  fileId: string,
  localPath: string,
  { verifyEtag, onProgress, ...options }: WxCloudDownloadFileOptions,
): Promise<void> {
  await context.operations.run('downloading', options, async signal => {
    const { body } = await openDownload(context, fileId, { signal, verifyEtag, onProgress });
    // Not named after the target, whose name may be as long as a name can be.
    const partPath = join(dirname(localPath), `.${randomUUID()}.part`);
    try {
      await pipeline(body, createWriteStream(partPath, { flags: 'wx' }));
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

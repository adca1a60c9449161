import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { FileTooLargeError, WxCloudStorageError } from '../errors/index.js';
import { fetchObject, readStat, type CloudFileStat } from './fetch-object.js';
import type { HttpAnswer } from '../transport/index.js';
import type { CallOptions, DownloadBufferOptions } from './call-options.js';
import type { StorageContext } from './storage-context.js';

/** An object that is being downloaded. */
export interface CloudDownload extends Omit<CloudFileStat, 'fileId' | 'cloudPath'> {
  /**
   * The content. Belongs to the caller: read it to its end or destroy it, else its connection stays in use until the
   * call's time is up. It ends in an error, never short, when the content does not arrive whole.
   */
  readonly body: Readable;
}

const DEFAULT_MAX_BYTES = 104_857_600;

/** Starts to download an object; resolves once its headers are there. */
export async function openDownload(
  context: StorageContext,
  fileId: string,
  options: CallOptions,
): Promise<CloudDownload> {
  const deadline = context.operations.start('downloading', options);
  const { signal } = deadline;
  try {
    signal.throwIfAborted();
    const fetched = await fetchObject(context, { fileId, method: 'GET', signal });
    const stat = readStat(fetched);
    const body = toBody(fetched.answer, stat, signal);
    body.once('close', () => deadline.dispose());
    const { size, contentType, etag } = stat;
    return { body, size, contentType, etag };
  } catch (error) {
    deadline.dispose();
    throw error;
  }
}

function toBody(answer: HttpAnswer, stat: CloudFileStat, signal: AbortSignal): Readable {
  const body = Readable.from(readContent(answer, stat, signal), { objectMode: false });
  // Also holds for a body of which no byte is ever read, so that its generator never starts.
  const onAbort = (): void => void body.destroy(signal.reason as Error);
  signal.addEventListener('abort', onAbort, { once: true });
  body.once('close', () => {
    signal.removeEventListener('abort', onAbort);
    answer.discard();
  });
  return body;
}

async function* readContent(
  answer: HttpAnswer,
  stat: CloudFileStat,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  let seen = 0;
  try {
    for await (const piece of answer.body as AsyncIterable<Uint8Array>) {
      seen += piece.byteLength;
      yield piece;
    }
  } catch (error) {
    throw answer.toError(error);
  }
  signal.throwIfAborted();
  if (seen !== stat.size) throw cutShort(stat, seen);
}

function cutShort({ fileId, size }: CloudFileStat, seen: number): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_DOWNLOAD_FAILED',
    message: `GET object: ${fileId} ended after ${seen} of ${size} bytes. Try again.`,
    retryable: true,
    endpoint: 'GET object',
  });
}

/** Downloads an object into memory. */
export async function downloadToBuffer(
  context: StorageContext,
  fileId: string,
  { maxBytes = DEFAULT_MAX_BYTES, ...options }: DownloadBufferOptions,
): Promise<Buffer> {
  assertMaxBytes(maxBytes);
  const { body, size } = await openDownload(context, fileId, options);
  if (size > maxBytes) {
    body.destroy();
    throw new FileTooLargeError({ subject: fileId, limitBytes: maxBytes });
  }
  const pieces: Uint8Array[] = [];
  for await (const piece of body as AsyncIterable<Uint8Array>) pieces.push(piece);
  return Buffer.concat(pieces, size);
}

/** Downloads an object into a local file, which appears under its name only once it is whole. */
export async function downloadToFile(
  context: StorageContext,
  { fileId, localPath }: { readonly fileId: string; readonly localPath: string },
  options: CallOptions,
): Promise<void> {
  await context.operations.run('downloading', options, async signal => {
    const { body } = await openDownload(context, fileId, { signal });
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

function assertMaxBytes(maxBytes: number): void {
  if (Number.isSafeInteger(maxBytes) && maxBytes >= 0) return;
  throw new WxCloudStorageError({
    code: 'WX_CLOUD_ARGUMENT_INVALID',
    message: 'maxBytes must be a whole number of bytes from 0. Leave it out for 100 MiB.',
  });
}

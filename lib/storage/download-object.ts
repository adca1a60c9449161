import type { Readable } from 'node:stream';
import { WxCloudStorageError } from '../errors/index.js';
import type { DownloadOptions } from './call-options.js';
import { fetchObject } from './fetch-object.js';
import { ObjectBody } from './object-body.js';
import {
  assertRange,
  readPart,
  toRangeHeader,
  type CloudFileStat,
  type ObjectPart,
} from './object-part.js';
import { reportProgress } from './progress.js';
import type { StorageContext } from './storage-context.js';

/** An object that is being downloaded, or a part of it. */
export interface CloudDownload extends Omit<CloudFileStat, 'fileId' | 'cloudPath'> {
  /**
   * The content. Belongs to the caller: read it to its end or destroy it, else its connection stays in use until the
   * call's time is up. It ends in an error, never short, when the content does not arrive whole.
   */
  readonly body: Readable;
  /** How many bytes `body` gives. */
  readonly size: number;
  /** The position in the file of the first of them, from 0. */
  readonly start: number;
  /** How many bytes the whole file has. */
  readonly totalSize: number;
}

/** Starts to download an object; resolves once its headers are there. */
export async function openDownload(
  context: StorageContext,
  fileId: string,
  options: DownloadOptions,
): Promise<CloudDownload> {
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
      fetched.answer.discard();
      throw noMd5(fileId);
    }
    const transfer = { onProgress, totalBytes: part.end - part.start };
    const report = reportProgress(context.logger, transfer);
    const parts = { context, fetched, part, verifyEtag, onProgress: report, signal };
    const body = new ObjectBody(parts);
    body.once('close', () => deadline.dispose());
    return describeDownload(part, body);
  } catch (error) {
    deadline.dispose();
    throw error;
  }
}

function describeDownload({ stat, start, end }: ObjectPart, body: Readable): CloudDownload {
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

import { constants } from 'node:buffer';
import { FileTooLargeError, WxCloudStorageError } from '../errors/index.js';
import type { DownloadBufferOptions } from './call-options.js';
import { openDownload } from './download-object.js';
import type { StorageContext } from './storage-context.js';

const DEFAULT_MAX_BYTES = 104_857_600;

/** Downloads an object, or a part of it, into memory; what has too many bytes is not read at all. */
export async function downloadToBuffer(
  context: StorageContext,
  fileId: string,
  { maxBytes = DEFAULT_MAX_BYTES, ...options }: DownloadBufferOptions,
): Promise<Buffer> {
  assertMaxBytes(maxBytes);
  const { body, size } = await openDownload(context, fileId, options);
  try {
    if (size > maxBytes) throw new FileTooLargeError({ subject: fileId, limitBytes: maxBytes });
    // Of the right size from the start, so that the content is never there twice.
    const bytes = allocate(size, fileId);
    let filled = 0;
    for await (const piece of body as AsyncIterable<Uint8Array>) {
      bytes.set(piece, filled);
      filled += piece.byteLength;
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

/** Makes sure that a limit is one. @throws {@link WxCloudStorageError} `WX_CLOUD_ARGUMENT_INVALID` */
export function assertMaxBytes(maxBytes: number): void {
  if (Number.isSafeInteger(maxBytes) && maxBytes >= 0) return;
  throw new WxCloudStorageError({
    code: 'WX_CLOUD_ARGUMENT_INVALID',
    message: 'maxBytes must be a whole number of bytes from 0. Leave it out for the default.',
  });
}

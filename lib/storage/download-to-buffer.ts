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
  if (size > maxBytes) {
    body.destroy();
    throw new FileTooLargeError({ subject: fileId, limitBytes: maxBytes });
  }
  // Of the right size from the start, so that the content is never there twice.
  const bytes = Buffer.allocUnsafeSlow(size);
  let filled = 0;
  for await (const piece of body as AsyncIterable<Uint8Array>) {
    bytes.set(piece, filled);
    filled += piece.byteLength;
  }
  return bytes;
}

/** Makes sure that a limit is one. @throws {@link WxCloudStorageError} `WX_CLOUD_ARGUMENT_INVALID` */
export function assertMaxBytes(maxBytes: number): void {
  if (Number.isSafeInteger(maxBytes) && maxBytes >= 0) return;
  throw new WxCloudStorageError({
    code: 'WX_CLOUD_ARGUMENT_INVALID',
    message: 'maxBytes must be a whole number of bytes from 0. Leave it out for the default.',
  });
}

import {
  detectContentType,
  HEAD_BYTES,
  isAcceptedType,
  UNKNOWN_CONTENT_TYPE,
} from '../body/index.js';
import { FileTooLargeError, TypeRefusedError, WxCloudStorageError } from '../errors/index.js';
import type { CallOptions } from './call-options.js';
import { assertMaxBytes } from './download-to-buffer.js';
import { fetchObject, type CloudFileStat } from './fetch-object.js';
import { readPart, type ObjectPart } from './object-part.js';
import { removeOwnObjects } from './own-objects.js';
import type { StorageContext } from './storage-context.js';

/** What a file that a client has posted straight to the storage has to be like. */
export interface ConfirmUploadOptions extends CallOptions {
  /** How many bytes it may have. @defaultValue 104857600 (100 MiB) */
  readonly maxBytes?: number | undefined;
  /** The types that are accepted, e.g. `['image/*']`: its first bytes decide. @defaultValue any */
  readonly contentTypes?: readonly string[] | undefined;
  /** Names the type of a file in whose first bytes (up to 4100) none was found. @defaultValue none */
  readonly detectContentType?:
    ((head: Uint8Array) => string | undefined | Promise<string | undefined>) | undefined;
}

const DEFAULT_MAX_BYTES = 104_857_600;

/** Checks a file that a client has posted straight to the storage; removes it when it breaks a rule. */
export async function confirmUpload(
  context: StorageContext,
  fileId: string,
  options: ConfirmUploadOptions,
): Promise<CloudFileStat> {
  const { maxBytes = DEFAULT_MAX_BYTES } = options;
  assertMaxBytes(maxBytes);
  return context.operations.run('confirming an upload', options, async signal => {
    const { stat, head } = await readHead(context, fileId, signal);
    try {
      if (stat.size > maxBytes) {
        throw new FileTooLargeError({ subject: fileId, limitBytes: maxBytes });
      }
      return { ...stat, contentType: await findType(head, options) };
    } catch (error) {
      // Other errors say nothing of the file.
      if (error instanceof FileTooLargeError || error instanceof TypeRefusedError) {
        await removeRefused(context, fileId);
      }
      throw error;
    }
  });
}

interface Head {
  readonly stat: CloudFileStat;
  readonly head: Buffer;
}

async function readHead(
  context: StorageContext,
  fileId: string,
  signal: AbortSignal,
): Promise<Head> {
  const range = { start: 0, end: HEAD_BYTES - 1 };
  const headers = { range: `bytes=${range.start}-${range.end}` };
  try {
    const fetched = await fetchObject(context, { fileId, method: 'GET', headers, signal });
    const part: ObjectPart = readPart(fetched, range);
    const head = await fetched.answer.readBytes(part.end);
    if (head.byteLength === part.end) return { stat: part.stat, head };
    throw cutShort(fileId);
  } catch (error) {
    if (!isUnsatisfiable(error)) throw error;
    // An empty file has no first byte to ask for.
    const { stat } = await readEmpty(context, fileId, signal);
    return { stat, head: Buffer.alloc(0) };
  }
}

async function readEmpty(
  context: StorageContext,
  fileId: string,
  signal: AbortSignal,
): Promise<ObjectPart> {
  const fetched = await fetchObject(context, { fileId, method: 'HEAD', signal });
  const part = readPart(fetched, undefined);
  fetched.answer.discard();
  return part;
}

async function findType(
  head: Buffer,
  { contentTypes, detectContentType: askApplication }: ConfirmUploadOptions,
): Promise<string> {
  const found = (await detectContentType(head))?.contentType ?? (await askApplication?.(head));
  if (contentTypes === undefined || isAcceptedType(found, contentTypes)) {
    return found ?? UNKNOWN_CONTENT_TYPE;
  }
  throw new TypeRefusedError({ detectedType: found, accepted: contentTypes });
}

/** Without a look at what is there now: the file was named to be this upload's. */
async function removeRefused(context: StorageContext, fileId: string): Promise<void> {
  await removeOwnObjects(context, [
    {
      fileId,
      isPathUnique: true,
      readEtag: () => Promise.resolve(''),
      storedSinceMs: undefined,
    },
  ]);
}

function isUnsatisfiable(error: unknown): boolean {
  return error instanceof WxCloudStorageError && error.code === 'WX_CLOUD_RANGE_UNSATISFIABLE';
}

function cutShort(fileId: string): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_DOWNLOAD_FAILED',
    message: `GET object: the first bytes of ${fileId} did not arrive whole. Try again.`,
    retryable: true,
    endpoint: 'GET object',
  });
}

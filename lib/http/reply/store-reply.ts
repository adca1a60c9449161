import { StreamableFile } from '@nestjs/common';
import { abandonSource, readChunks, resumeChunks } from '../../body/chunks.js';
import { detectContentType, UNKNOWN_CONTENT_TYPE } from '../../body/content-type.js';
import { openSource, type WxCloudUploadSource } from '../../body/open-source.js';
import { HEAD_BYTES } from '../../body/upload-body.js';
import type { WxCloudStoredFile } from '../../storage/call-options.js';
import { unwrap } from '../../storage/file-outcome.js';
import type { StorageContext } from '../../storage/storage-context.js';
import { assertContentType, storeSource, traceUpload, uploadObject } from '../../storage/upload.js';
import type { WxCloudHttpRequest } from '../request-origin.js';
import { chooseCloudPath, type ChosenPath } from '../cloud-path-option.js';
import { RequestMemory } from '../refused-request.js';
import { formatDisposition } from '../serve/content-headers.js';
import type { UploadTransaction } from '../upload-transaction.js';
import type { ReplyBody } from './reply-body.js';
import type { WxCloudReply, WxCloudReplyOptions } from './reply-options.js';

/** All bytes of a small source, or a larger source to be read from its beginning. */
export type Taken = { readonly whole: Buffer } | { readonly source: WxCloudUploadSource };

/**
 * Takes the bytes of a source of up to `maxBytes` bytes; they stay counted in `memory`. Reads no
 * more of a larger stream than needed, and releases its memory once that is read again.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_CAPACITY_EXCEEDED` when there is no memory for them
 */
export async function takeSmall(
  { source, size }: ReplyBody,
  maxBytes: number,
  memory: RequestMemory,
  { idleMs, signal }: { readonly idleMs: number; readonly signal: AbortSignal },
): Promise<Taken> {
  if (size !== undefined && size > maxBytes) return { source };
  if (source instanceof Uint8Array) {
    return { whole: Buffer.from(source.buffer, source.byteOffset, source.byteLength) };
  }
  const stream = source instanceof Blob ? source.stream() : source;
  const chunks = readChunks(stream as AsyncIterable<unknown>, idleMs, signal);
  const taken: Uint8Array[] = [];
  let takenBytes = 0;
  try {
    for (;;) {
      const { done, value } = await chunks.next();
      if (done === true) return { whole: Buffer.concat(taken) };
      memory.take(value.byteLength);
      // A copy, as the source may reuse its buffer.
      taken.push(Buffer.from(value));
      takenBytes += value.byteLength;
      if (takenBytes > maxBytes) {
        return { source: resumeChunks(taken, chunks, () => memory.release()) };
      }
    }
  } catch (error) {
    memory.release();
    await chunks.return();
    throw error;
  }
}

/** The means to store a response; shared by the steps. */
export interface ReplyContext {
  /** The instance. */
  readonly context: StorageContext;
  /** The application's options. */
  readonly options: WxCloudReplyOptions;
  /** The request. */
  readonly request: WxCloudHttpRequest;
  /** The transaction of the request, which deletes the file unless the request succeeds. */
  readonly transaction: UploadTransaction;
}

/**
 * Stores the bytes that a handler returned, and returns the response that replaces them; a small
 * source is returned as a file.
 */
export async function storeReply(
  reply: ReplyBody,
  replyContext: ReplyContext,
): Promise<WxCloudReply | StreamableFile> {
  const { context, options, transaction } = replyContext;
  try {
    // Checked before anything is read, as a partly read source would have to be released.
    assertContentType(reply.contentType);
    return await transaction.run(context, 'storing a response', async signal => {
      const { idleMs } = context.options.timeouts;
      const { whenOverBytes: maxBytes } = options;
      const memory = new RequestMemory(context.budget);
      transaction.onEnd(() => memory.release());
      const taken =
        maxBytes === undefined
          ? reply
          : await takeSmall(reply, maxBytes, memory, { idleMs, signal });
      if ('whole' in taken) return toStreamableFile(taken.whole, reply);
      const left = { ...reply, source: taken.source };
      const { stored, isPathUnique } = await uploadReply(left, replyContext, signal);
      const { fileId, cloudPath, size, contentType } = stored;
      await transaction.track({ fileId, context, isPathUnique });
      signal.throwIfAborted();
      const link = await makeLink(fileId, replyContext, signal);
      return { fileId, cloudPath, size, contentType, ...link };
    });
  } catch (error) {
    abandonSource(reply.source);
    throw error;
  }
}

async function uploadReply(
  { source: given, size, contentType: givenType, fileName }: ReplyBody,
  { context, options, request }: ReplyContext,
  signal: AbortSignal,
): Promise<{ readonly stored: WxCloudStoredFile } & Pick<ChosenPath, 'isPathUnique'>> {
  return traceUpload(context, async event => {
    const source = await openSource({ source: given, size }, context, signal);
    try {
      const detected = await detectContentType(source.head);
      const dependsOnSize = typeof options.path === 'function';
      const body = dependsOnSize ? await source.complete() : undefined;
      const contentType = givenType ?? detected?.contentType ?? UNKNOWN_CONTENT_TYPE;
      const extension = extensionOf(fileName) ?? detected?.extension;
      const facts = { fileName, contentType, extension, size: body?.size ?? 0 };
      const { cloudPath, isPathUnique } = await chooseCloudPath(options, facts, request, signal);
      const object = { cloudPath, contentType, isPathUnique, signal, event };
      const stored = await (body === undefined
        ? storeSource(context, source, object)
        : uploadObject(context, { ...object, body }));
      return { stored, isPathUnique };
    } finally {
      await source.dispose();
    }
  });
}

async function makeLink(
  fileId: string,
  { context, options }: ReplyContext,
  signal: AbortSignal,
): Promise<Pick<WxCloudReply, 'url'>> {
  const { url = false } = options;
  if (url === false) return {};
  const maxAgeSeconds = url === true ? undefined : url.maxAgeSeconds;
  const outcomes = await context.links.get([fileId], maxAgeSeconds, signal);
  return { url: unwrap(outcomes).url };
}

/**
 * Creates the response that Nest would send, with its detected type: Express would send a Buffer as
 * JSON.
 */
async function toStreamableFile(
  whole: Buffer,
  { contentType, fileName, disposition }: ReplyBody,
): Promise<StreamableFile> {
  const detected = await detectContentType(whole.subarray(0, HEAD_BYTES));
  return new StreamableFile(whole, {
    type: contentType ?? detected?.contentType ?? UNKNOWN_CONTENT_TYPE,
    length: whole.byteLength,
    ...(disposition === undefined && fileName === undefined
      ? {}
      : { disposition: disposition ?? formatDisposition('attachment', fileName) }),
  });
}

/** Returns the extension, of letters and digits only: the name may come from a client. */
function extensionOf(fileName: string | undefined): string | undefined {
  return /\.([A-Za-z\d]{1,10})$/.exec(fileName ?? '')?.[1]?.toLowerCase();
}

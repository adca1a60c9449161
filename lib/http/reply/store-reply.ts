import { randomUUID } from 'node:crypto';
import { StreamableFile } from '@nestjs/common';
import {
  abandonSource,
  detectContentType,
  HEAD_BYTES,
  UNKNOWN_CONTENT_TYPE,
  type DetectedType,
  type UploadSource,
} from '../../body/index.js';
import {
  assertContentType,
  storeSource,
  unwrap,
  type StorageContext,
  type StoragePlan,
} from '../../storage/index.js';
import { RequestMemory } from '../capacity.js';
import { chooseCloudPath } from '../cloud-path-option.js';
import { formatDisposition } from '../serve/index.js';
import type { StoredFiles } from '../stored-files.js';
import type { WxCloudHttpRequest } from '../upload-options.js';
import type { ReplyBody } from './reply-body.js';
import type { WxCloudReply, WxCloudReplyOptions } from './reply-options.js';
import { takeSmall } from './take-small.js';

/** What an answer is stored with. */
export interface ReplyContext {
  /** The instance. */
  readonly context: StorageContext;
  /** What the application wants. */
  readonly options: WxCloudReplyOptions;
  /** The request. */
  readonly request: WxCloudHttpRequest;
  /** What the request has stored; it is removed unless the answer arrives. */
  readonly files: StoredFiles;
}

/** Stores the bytes that a handler returned, and gives what is answered in their place; few bytes are given back. */
export async function storeReply(
  reply: ReplyBody,
  { context, options, request, files }: ReplyContext,
): Promise<WxCloudReply | StreamableFile> {
  try {
    // Before anything of it is read, as then it would have to be let go of.
    assertContentType(reply.contentType);
    return await files.run(context, 'storing an answer', async signal => {
      const { idleMs } = context.options.timeouts;
      const { whenOverBytes: maxBytes } = options;
      const memory = new RequestMemory(context.budget);
      files.onEnd(() => memory.release());
      const taken =
        maxBytes === undefined
          ? reply
          : await takeSmall(reply, { maxBytes, idleMs, signal, memory });
      if ('whole' in taken) return toStreamableFile(taken.whole, reply);
      const { source } = taken;
      return new ReplyUpload(reply, { context, options, request, files }).store(source, signal);
    });
  } catch (error) {
    abandonSource(reply.source);
    throw error;
  }
}

/** As Nest would send it, with the type that it shows: Express would make JSON of a Buffer. */
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

/** One answer on its way into the storage. */
class ReplyUpload {
  readonly #reply: ReplyBody;
  readonly #parts: ReplyContext;
  readonly #uuid = randomUUID();
  #detected: DetectedType | undefined;

  constructor(reply: ReplyBody, parts: ReplyContext) {
    this.#reply = reply;
    this.#parts = parts;
  }

  async store(source: UploadSource, signal: AbortSignal): Promise<WxCloudReply> {
    const { context, files } = this.#parts;
    const { stored, isPathUnique } = await storeSource(context, {
      from: { source, size: this.#reply.size },
      inspectHead: async head => {
        this.#detected = await detectContentType(head);
      },
      plan: body => this.#plan(body.size, signal),
      signal,
    });
    const { fileId, cloudPath, size, contentType } = stored;
    await files.add({ fileId, context, isPathUnique });
    signal.throwIfAborted();
    return { fileId, cloudPath, size, contentType, ...(await this.#link(fileId, signal)) };
  }

  async #link(fileId: string, signal: AbortSignal): Promise<Pick<WxCloudReply, 'url'>> {
    const { context, options } = this.#parts;
    const { url = false } = options;
    if (url === false) return {};
    const maxAgeSeconds = url === true ? undefined : url.maxAgeSeconds;
    const outcomes = await context.links.get({ fileIds: [fileId], maxAgeSeconds, signal });
    return { url: unwrap(outcomes).url };
  }

  async #plan(size: number, signal: AbortSignal): Promise<StoragePlan> {
    const { options, request } = this.#parts;
    const { fileName, contentType: given } = this.#reply;
    const contentType = given ?? this.#detected?.contentType ?? UNKNOWN_CONTENT_TYPE;
    const extension = extensionOf(fileName) ?? this.#detected?.extension;
    const file = { uuid: this.#uuid, fileName, contentType, extension, size };
    return { ...(await chooseCloudPath(options, file, request, signal)), contentType };
  }
}

/** Letters and digits only: the name may have come from a client. */
function extensionOf(fileName: string | undefined): string | undefined {
  return /\.([A-Za-z\d]{1,10})$/.exec(fileName ?? '')?.[1]?.toLowerCase();
}

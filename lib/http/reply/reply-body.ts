import { Readable } from 'node:stream';
import { ReadableStream } from 'node:stream/web';
import { StreamableFile } from '@nestjs/common';
import { readMediaType } from '../../body/content-type.js';
import type { WxCloudUploadSource } from '../../body/open-source.js';

/** Bytes that a handler returned. */
export interface ReplyBody {
  /** The bytes. */
  readonly source: WxCloudUploadSource;
  /** The number of bytes, if it is known. */
  readonly size: number | undefined;
  /** The type that the handler gave. */
  readonly contentType: string | undefined;
  /** The name that the handler gave. */
  readonly fileName: string | undefined;
  /** The `Content-Disposition` of a `StreamableFile`. */
  readonly disposition: string | undefined;
}

const MEMBERS: readonly string[] = ['body', 'fileName', 'contentType'];

/**
 * Recognises bytes in the result of a handler: a Buffer, Uint8Array, Blob, Node or web stream,
 * `StreamableFile`, or one of these as `{ body, fileName, contentType }`. Undefined for any other
 * result, which is sent unchanged.
 */
export function readReplyBody(value: unknown): ReplyBody | undefined {
  if (value instanceof StreamableFile) return ofStreamableFile(value);
  const source = readSource(value);
  if (source !== undefined) return plain(source);
  if (typeof value !== 'object' || value === null) return undefined;
  if (!Object.keys(value).every(name => MEMBERS.includes(name))) return undefined;
  const { body, fileName, contentType } = value as Partial<Record<string, unknown>>;
  const inner = readReplyBody(body);
  if (inner === undefined) return undefined;
  return {
    ...inner,
    contentType: typeof contentType === 'string' ? contentType : inner.contentType,
    fileName: typeof fileName === 'string' ? fileName : inner.fileName,
  };
}

function ofStreamableFile(file: StreamableFile): ReplyBody {
  const { type, disposition, length } = file.options;
  return {
    source: file.getStream(),
    size: length,
    contentType: type,
    fileName: undefined,
    disposition: Array.isArray(disposition) ? disposition[0] : disposition,
  };
}

function readSource(value: unknown): WxCloudUploadSource | undefined {
  const isSource =
    value instanceof Uint8Array ||
    value instanceof Blob ||
    value instanceof Readable ||
    value instanceof ReadableStream;
  return isSource ? value : undefined;
}

function plain(source: WxCloudUploadSource): ReplyBody {
  return {
    source,
    size: sizeOf(source),
    contentType: source instanceof Blob ? readMediaType(source.type) : undefined,
    fileName: source instanceof File ? source.name : undefined,
    disposition: undefined,
  };
}

function sizeOf(source: WxCloudUploadSource): number | undefined {
  if (source instanceof Uint8Array) return source.byteLength;
  return source instanceof Blob ? source.size : undefined;
}

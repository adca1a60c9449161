import type { Readable } from 'node:stream';
import { callbackify } from 'node:util';
import { FileTooLargeError } from '../errors/index.js';
import { storeSource, type StorageContext, type StoredCloudFile } from '../storage/index.js';
import { findInstanceOfRequest } from './application-instances.js';
import { assertDeclaredSize, readDeclaredSize } from './declared-size.js';
import { FileIntake } from './file-intake.js';
import { decodeLatin1Name } from './file-name.js';
import { toHttpException } from './http-exception.js';
import { assertPathPrefix } from './path-prefix.js';
import { assertProgressIdOption, progressListenerOf } from './progress/index.js';
import { originOf } from './request-origin.js';
import { isReasonToGiveUp, storedFilesOf } from './stored-files.js';
import { StreamPieces } from './stream-pieces.js';
import type { WxCloudHttpRequest, WxCloudUploadEngineOptions } from './upload-options.js';

/** What multer hands to a storage engine. */
export interface EngineFile {
  /** The name of the form field. */
  readonly fieldname: string;
  /** The name that the client gave. */
  readonly originalname: string;
  /** The type that the client claimed. */
  readonly mimetype: string;
  /** The content. */
  readonly stream: EngineStream;
}

/** The content of a file, as a form parser gives it. */
export interface EngineStream extends Readable {
  /** Whether it was cut off at `limits.fileSize`. */
  readonly truncated?: boolean;
}

/** What the parser adds to its own description of a file. */
export type StoredUpload = StoredCloudFile & Pick<EngineFile, 'originalname'>;

/** multer's storage contract, which Nest's Fastify adapter shares. */
export interface WxCloudUploadEngine {
  /** Stores one file of a form. */
  _handleFile(
    request: WxCloudHttpRequest,
    file: EngineFile,
    callback: (error: unknown, info?: Partial<StoredUpload>) => void,
  ): void;
  /** Removes a file that was stored before the form failed. */
  _removeFile(
    request: WxCloudHttpRequest,
    file: Pick<EngineFile, 'fieldname'> & { readonly fileId?: string },
    callback: (error: Error | null) => void,
  ): void;
}

/** What the engine needs besides its options. */
export interface EngineParts {
  /** Types, paths and the instance. */
  readonly options: WxCloudUploadEngineOptions;
  /** Finds the instance that stores the files of a request. */
  readonly findContext: (request: WxCloudHttpRequest) => StorageContext;
  /** What `limits.fileSize` is, for the message. */
  readonly fileSizeLimit?: number | undefined;
  /** Whether the parser takes the UTF-8 of names for Latin-1. */
  readonly takesNamesForLatin1: (request: WxCloudHttpRequest) => boolean;
  /** Whether nobody else of this package stands between the engine and the client. */
  readonly standsAlone: boolean;
}

/**
 * The storage engine alone, for Nest's own interceptors: `FileInterceptor('photo', { storage: wxCloudUpload() })`.
 * Files of a request that is not answered with success are removed. Set `limits` there: multer has none by default.
 */
export function wxCloudUpload(options: WxCloudUploadEngineOptions = {}): WxCloudUploadEngine {
  return createUploadEngine({
    options,
    findContext: request => findInstanceOfRequest(request, options.storage).context,
    // multer's default; whoever has set it to UTF-8 loses nothing, but for names that look like twice encoded.
    takesNamesForLatin1: request => 'app' in request,
    standsAlone: true,
  });
}

/** Makes an engine that works with the given parts. @throws {@link OptionsInvalidError} when `path` is a prefix that no path may have, or `declaredSize` is wrong */
export function createUploadEngine(parts: EngineParts): WxCloudUploadEngine {
  assertPathPrefix(parts.options.path);
  assertDeclaredSize(parts.options.declaredSize);
  assertProgressIdOption(parts.options.progressId);
  return {
    _handleFile: (request, file, callback) => storeWithCallback(parts, request, file, callback),
    _removeFile: (request, file, callback) => removeWithCallback(request, file, callback),
  };
}

const storeWithCallback = callbackify(storeOrDrain);
const removeWithCallback = callbackify(removeFile);

async function removeFile(
  request: WxCloudHttpRequest,
  { fileId }: { readonly fileId?: string },
): Promise<void> {
  if (fileId !== undefined) await storedFilesOf(request).remove(fileId);
}

async function storeOrDrain(
  parts: EngineParts,
  request: WxCloudHttpRequest,
  file: EngineFile,
): Promise<StoredUpload> {
  try {
    return await storeFile(parts, request, file);
  } catch (error) {
    // Parsers go on only when every file was read to its end; destroying the stream would stop them.
    drain(file.stream);
    const failure = await storedFilesOf(request).failWith(error);
    if (!parts.standsAlone) throw failure;
    // The parser would wait for the rest of the form, and an application that closes for the parser.
    if (isReasonToGiveUp(failure)) originOf(request).response.req.destroy();
    throw toHttpException(failure);
  }
}

function storeFile(
  parts: EngineParts,
  request: WxCloudHttpRequest,
  { stream, ...given }: EngineFile,
): Promise<StoredUpload> {
  const { options, findContext, fileSizeLimit = Infinity, takesNamesForLatin1 } = parts;
  const context = findContext(request);
  const { originalname: name, fieldname } = given;
  const originalname = takesNamesForLatin1(request) ? decodeLatin1Name(name) : name;
  const files = storedFilesOf(request);
  const intake = new FileIntake(options, request, { ...given, originalname });
  const { declaredSize, progressId } = options;
  const index = files.takeIndex();
  const size = declaredSize && readDeclaredSize(declaredSize, request, index);
  if (size !== undefined && size > fileSizeLimit) throw tooLarge(fileSizeLimit);
  const onProgress = progressListenerOf({ progressId, request, files, index, fieldname });
  return files.run(context, 'uploading', async signal => {
    const stored = await storeSource(context, {
      // A parser never fills a buffer again.
      from: { source: contentOf(stream, fileSizeLimit), size, areGivenAway: true },
      inspectHead: head => intake.inspect(head, signal),
      plan: body => intake.plan(body.size, signal),
      onProgress,
      signal,
    });
    const { fileId, etag } = stored;
    await files.add({ fileId, etag, context, isPathUnique: intake.isPathUnique });
    signal.throwIfAborted();
    return { ...stored, originalname };
  });
}

/**
 * Reads a file. Its bytes are counted here, as parsers do not agree on whether a file may reach the limit; one that the
 * parser has cut off is too large in any case.
 */
function contentOf(stream: EngineStream, fileSizeLimit: number): AsyncIterable<Uint8Array> {
  let size = 0;
  return new StreamPieces(stream, ({ done, value }) => {
    size += done === true ? 0 : value.byteLength;
    const isCutOff = done === true && stream.truncated === true;
    if (isCutOff || size > fileSizeLimit) throw tooLarge(fileSizeLimit);
  });
}

function tooLarge(limitBytes: number): FileTooLargeError {
  return new FileTooLargeError({ subject: 'The file', limitBytes });
}

/** Works whatever else listens to the stream, unlike `resume()`, which a `readable` listener disables. */
function drain(stream: Readable): void {
  const discard = (): void => {
    while (stream.read() !== null);
  };
  stream.on('readable', discard);
  stream.on('error', () => {});
  discard();
}

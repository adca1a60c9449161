import type { Readable } from 'node:stream';
import { callbackify } from 'node:util';
import { assertBytes, toFileName } from '../form/index.js';
import type { StorageContext, StoredCloudFile } from '../storage/index.js';
import { findInstanceOfRequest } from './application-instances.js';
import { announceRetry, assertRoomForForm } from './capacity.js';
import { boundEngineRequest, findEngineRequest, type EngineRequest } from './engine-request.js';
import { readStream, type EngineStream } from './engine-stream.js';
import { namingSubject, noteEngine } from './enhancers.js';
import { toLoggedException } from './failure-log.js';
import { fileHeadsOf } from './file-heads.js';
import { decodeLatin1Name } from './file-name.js';
import { originOf, rawRequestOf } from './request-origin.js';
import { storeFormFile } from './store-form-file.js';
import { storedFilesOf } from './stored-files.js';
import { assertEngineOptions } from './upload-option-checks.js';
import type { WxCloudUploadEngineOptions } from './upload-options.js';
import type { WxCloudHttpRequest } from './request-origin.js';

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

/**
 * The storage engine alone, for Nest's own interceptors: `FileInterceptor('photo', { storage: wxCloudUpload() })`.
 * Files of a request that is not answered with success are removed. Set `limits` there: multer has none by default.
 * @throws {@link OptionsInvalidError} when `path` is a prefix that no path may have, or another option is wrong
 */
export function wxCloudUpload(options: WxCloudUploadEngineOptions = {}): WxCloudUploadEngine {
  namingSubject('wxCloudUpload()', () => assertEngineOptions(options));
  const store = callbackify((request: WxCloudHttpRequest, file: EngineFile) =>
    storeOrDrain(options, request, file),
  );
  return noteEngine({
    _handleFile: (request, file, callback) => store(request, file, callback),
    _removeFile: (request, file, callback) => removeWithCallback(request, file, callback),
  });
}

const removeWithCallback = callbackify(removeFile);

async function removeFile(
  request: WxCloudHttpRequest,
  { fileId }: { readonly fileId?: string },
): Promise<void> {
  // Parsers remove files when a form has failed, and when their route refuses them.
  findEngineRequest(request)?.refuse();
  if (fileId !== undefined) await storedFilesOf(request).remove(fileId);
}

async function storeOrDrain(
  options: WxCloudUploadEngineOptions,
  request: WxCloudHttpRequest,
  file: EngineFile,
): Promise<StoredUpload> {
  let bounded: EngineRequest | undefined;
  try {
    const { context } = findInstanceOfRequest(request, options.storage);
    bounded = boundEngineRequest(request, context);
    bounded.begin();
    return await storeFile(options, context, request, file);
  } catch (error) {
    // Parsers go on only when every file was read to its end; destroying the stream would stop them.
    drain(file.stream);
    bounded?.refuse(error);
    const failure = await storedFilesOf(request).failWith(error);
    announceRetry(originOf(request).response, failure);
    throw toLoggedException(failure, request);
  } finally {
    bounded?.finish();
  }
}

async function storeFile(
  options: WxCloudUploadEngineOptions,
  context: StorageContext,
  request: WxCloudHttpRequest,
  { stream, fieldname, originalname: given, mimetype }: EngineFile,
): Promise<StoredUpload> {
  const files = storedFilesOf(request);
  assertBytes(rawRequestOf(request));
  if (!files.hasBegun) assertRoomForForm(context.budget);
  const originalname = toFileName(takesNamesForLatin1(request) ? decodeLatin1Name(given) : given);
  const { stored, head } = await storeFormFile({
    options,
    context,
    request,
    files,
    file: { fieldname, originalname, mimetype },
    pieces: readStream(stream, context.budget, fieldname),
  });
  fileHeadsOf(request, files, context.budget).showOnRequest(request, stored.fileId, head);
  return { ...stored, originalname };
}

/** multer's default; whoever has set it to UTF-8 loses nothing, but for names that look like twice encoded. */
function takesNamesForLatin1(request: object): boolean {
  return 'app' in request;
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

import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { callbackify } from 'node:util';
import {
  detectContentType,
  isAcceptedType,
  UNKNOWN_CONTENT_TYPE,
  type DetectedType,
} from '../body/index.js';
import { FileTooLargeError, OptionsInvalidError, TypeRefusedError } from '../errors/index.js';
import { assertCloudPath, findPathProblem, generateCloudPath } from '../file-id/index.js';
import {
  storeSource,
  type StorageContext,
  type StoragePlan,
  type StoredCloudFile,
} from '../storage/index.js';
import { toHttpException } from './http-exception.js';
import { findInstanceOfRequest } from './application-instances.js';
import { storedFilesOf } from './stored-files.js';
import type { WxCloudIncomingFile, WxCloudUploadEngineOptions } from './upload-options.js';

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

/** multer's storage contract, which Nest's Fastify adapter shares. */
export interface WxCloudUploadEngine {
  /** Stores one file of a form. */
  _handleFile(
    request: IncomingMessage,
    file: EngineFile,
    callback: (error: unknown, info?: Partial<StoredCloudFile>) => void,
  ): void;
  /** Removes a file that was stored before the form failed. */
  _removeFile(
    request: IncomingMessage,
    file: { readonly fileId?: string },
    callback: (error: Error | null) => void,
  ): void;
}

/** What the engine needs besides its options. */
export interface EngineParts {
  /** Types, paths and the instance. */
  readonly options: WxCloudUploadEngineOptions;
  /** Finds the instance that stores the files of a request. */
  readonly findContext: (request: IncomingMessage) => StorageContext;
  /** What `limits.fileSize` is, for the message. */
  readonly fileSizeLimit?: number | undefined;
  /** Turns what storing a file threw into what the parser is to report. */
  readonly toError?: (error: unknown) => unknown;
}

/**
 * The storage engine alone, for Nest's own interceptors: `FileInterceptor('photo', { storage: wxCloudUpload() })`.
 * Files of a request that is not answered with success are removed. Set `limits` there: multer has none by default.
 */
export function wxCloudUpload(options: WxCloudUploadEngineOptions = {}): WxCloudUploadEngine {
  return createUploadEngine({
    options,
    findContext: request => findInstanceOfRequest(request, options.storage),
    // Nobody else stands between this engine and the client.
    toError: toHttpException,
  });
}

/** Makes an engine that works with the given parts. @throws {@link OptionsInvalidError} when `path` is a prefix that no path may have */
export function createUploadEngine(parts: EngineParts): WxCloudUploadEngine {
  assertPathPrefix(parts.options.path);
  return {
    _handleFile: (request, file, callback) =>
      callbackify(() => storeOrDrain(parts, request, file))(callback),
    _removeFile: (request, { fileId }, callback) =>
      callbackify(async () => {
        if (fileId !== undefined) await storedFilesOf(request).remove(fileId);
      })(callback),
  };
}

async function storeOrDrain(
  parts: EngineParts,
  request: IncomingMessage,
  file: EngineFile,
): Promise<StoredCloudFile> {
  try {
    return await storeFile(parts, request, file);
  } catch (error) {
    // Parsers go on only when every file was read to its end; destroying the stream would stop them.
    drain(file.stream);
    throw await storedFilesOf(request).failWith(parts.toError?.(error) ?? error);
  }
}

async function storeFile(
  { options, findContext, fileSizeLimit }: EngineParts,
  request: IncomingMessage,
  file: EngineFile,
): Promise<StoredCloudFile> {
  const context = findContext(request);
  const files = storedFilesOf(request);
  const intake = new FileIntake(options, request, file);
  const stored = await context.operations.run('uploading', { signal: files.signal }, signal =>
    storeSource(context, {
      from: { source: file.stream.iterator({ destroyOnReturn: false }), size: undefined },
      inspectHead: head => intake.inspect(head),
      plan: ({ size }) => {
        if (file.stream.truncated === true) throw tooLarge(fileSizeLimit ?? size);
        return intake.plan(size);
      },
      signal,
    }),
  );
  const { fileId, etag } = stored;
  await files.add({ fileId, etag, context, isPathUnique: intake.isPathUnique });
  files.signal.throwIfAborted();
  return stored;
}

/** Checked once, as every path that is made with it would fail. */
function assertPathPrefix(path: WxCloudUploadEngineOptions['path']): void {
  if (typeof path !== 'string') return;
  const problem = findPathProblem(generateCloudPath({ prefix: path, extension: undefined }));
  if (problem === undefined) return;
  throw new OptionsInvalidError({
    option: 'path',
    expected: `the beginning of a cloud path; a path with it ${problem}`,
    remedy: 'Use a relative prefix such as photos/.',
  });
}

/** Decides about one file: whether its type is wanted, and where it goes. */
class FileIntake {
  readonly #options: WxCloudUploadEngineOptions;
  readonly #request: IncomingMessage;
  readonly #file: EngineFile;
  #type: Partial<DetectedType> = {};

  /** Whether nobody else can have a file at this one's path. */
  get isPathUnique(): boolean {
    return typeof this.#options.path !== 'function';
  }

  constructor(options: WxCloudUploadEngineOptions, request: IncomingMessage, file: EngineFile) {
    this.#options = options;
    this.#request = request;
    this.#file = file;
  }

  async inspect(head: Uint8Array): Promise<void> {
    const { contentTypes, detectContentType: askApplication } = this.#options;
    const detected = await detectContentType(head);
    if (detected !== undefined) this.#type = detected;
    else {
      const contentType = await askApplication?.(head, this.#file);
      if (contentType !== undefined) this.#type = { contentType };
    }
    const { contentType } = this.#type;
    if (contentTypes !== undefined && !isAcceptedType(contentType, contentTypes)) {
      throw new TypeRefusedError({ detectedType: contentType, accepted: contentTypes });
    }
  }

  async plan(size: number): Promise<StoragePlan> {
    const { path = '' } = this.#options;
    const { contentType = UNKNOWN_CONTENT_TYPE, extension } = this.#type;
    if (typeof path === 'string') {
      return {
        cloudPath: generateCloudPath({ prefix: path, extension }),
        contentType,
        isPathUnique: this.isPathUnique,
      };
    }
    const { fieldname, originalname, mimetype } = this.#file;
    const file: WxCloudIncomingFile = {
      fieldname,
      originalname,
      mimetype,
      contentType,
      extension,
      size,
    };
    const cloudPath = await path(file, this.#request);
    assertCloudPath(cloudPath);
    return { cloudPath, contentType, isPathUnique: this.isPathUnique };
  }
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

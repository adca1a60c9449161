import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { Type } from '@nestjs/common';
import type { UploadBody } from '../body/upload-body.js';
import { WxCloudStorageError } from '../errors/errors.js';
import { untilAborted } from '../operations/deadline.js';
import type { WxCloudStoredFile, UploadObjectCall } from '../storage/call-options.js';
import { deleteLeftovers } from '../storage/clean-up.js';
import type { WxCloudDeleteOutcome } from '../storage/delete.js';
import type { WxCloudDownloadUrlOutcome } from '../storage/links.js';
import type { StorageContext } from '../storage/storage-context.js';
import { uploadObject } from '../storage/upload.js';
import type { WxCloudFileSource } from '../storage/wx-cloud-file.js';

/** The name of the instance that was given none. */
export const DEFAULT_INSTANCE = 'default';
/** The beginning of the keys of the injection tokens of named instances. */
const SERVICE_KEY = 'wx-cloud-storage:service:';

/** The methods of a service that this package calls. */
type CalledMethod = 'upload' | keyof WxCloudFileSource;

/** The expected signatures, for the messages about fakes. */
const SIGNATURES: Readonly<Record<CalledMethod, string>> = {
  upload: 'upload(cloudPath, body, options), which resolves with { fileId }',
  delete: 'delete(fileId)',
  getDownloadUrl: 'getDownloadUrl(fileId), which resolves with a link',
  download: 'download(fileId), which resolves with { body }',
  downloadBuffer: 'downloadBuffer(fileId), which resolves with a Buffer',
  stat: 'stat(fileId), which resolves with { size, contentType, etag }',
};

/** The service class, registered when its file is loaded: this folder cannot import it. */
let serviceClass: Type<WxCloudFileSource> | undefined;
/** Its original methods. */
let classMethods: ReadonlyMap<string, unknown> = new Map();
const contexts = new WeakMap<object, StorageContext>();

/** Registers the service class with its methods, before a test can replace one. */
export function registerServiceClass(type: Type<WxCloudFileSource>): void {
  const { prototype } = type as { readonly prototype: object };
  const names = Object.getOwnPropertyNames(prototype);
  serviceClass = type;
  classMethods = new Map(names.map(name => [name, Reflect.get(prototype, name)]));
}

/** Registers the context of a service of that class or of a subclass. */
export function registerService(service: object, context: StorageContext): void {
  contexts.set(service, context);
}

/** Returns the context of a service; undefined for a fake. */
export function contextOf(service: object): StorageContext | undefined {
  return contexts.get(service);
}

/**
 * True when a service has the original methods: none is replaced by a fake, a subclass or a spy.
 */
function hasOwn(
  service: object,
  ...names: readonly (CalledMethod | 'deleteMany' | 'getDownloadUrls')[]
): boolean {
  if (!contexts.has(service)) return false;
  return names.every(name => Reflect.get(service, name) === classMethods.get(name));
}

/** True for a service, or for a fake: an object with a method of it. */
export function isServiceLike(value: object): boolean {
  if (contexts.has(value)) return true;
  const names = Object.keys(SIGNATURES);
  return names.some(name => typeof Reflect.get(value, name) === 'function');
}

/** Returns the injection token of an instance's service. */
export function serviceTokenOf(name: string): symbol | Type<WxCloudFileSource> | undefined {
  return name === DEFAULT_INSTANCE ? serviceClass : namedServiceToken(name);
}

/** Returns the injection token of a named instance's service. */
export function namedServiceToken(name: string): symbol {
  return Symbol.for(`${SERVICE_KEY}${name}`);
}

/** Returns the name of the instance whose service has an injection token; undefined for others. */
export function nameOfService(token: unknown): string | undefined {
  if (serviceClass !== undefined && token === serviceClass) return DEFAULT_INSTANCE;
  const key = typeof token === 'symbol' ? Symbol.keyFor(token) : undefined;
  return key?.startsWith(SERVICE_KEY) === true ? key.slice(SERVICE_KEY.length) : undefined;
}

/**
 * Creates a context that stores, deletes and links through a service where a fake, a subclass or a
 * spy replaces the original methods. Original methods are bypassed: their work goes straight to the
 * storage. This is decided for each call, as a spy may be added at any time.
 */
export function throughService(context: StorageContext, service: object): StorageContext {
  const through: StorageContext = {
    ...context,
    storeObject: call =>
      hasOwn(service, 'upload') ? uploadObject(context, call) : upload(through, service, call),
    isStorageReplaced: () => !hasOwn(service, 'upload'),
    deletions: {
      delete: (fileIds, signal) =>
        hasOwn(service, 'delete', 'deleteMany')
          ? context.deletions.delete(fileIds, signal)
          : Promise.all(fileIds.map(fileId => deleteThrough(through, service, fileId, signal))),
    },
    links: {
      fetch: (...call) => context.links.fetch(...call),
      get: (fileIds, maxAgeSeconds, signal) =>
        hasOwn(service, 'getDownloadUrl', 'getDownloadUrls')
          ? context.links.get(fileIds, maxAgeSeconds, signal)
          : Promise.all(fileIds.map(fileId => getLink(service, fileId, maxAgeSeconds, signal))),
    },
  };
  return through;
}

/**
 * Returns the source for file handles: the service, or for a fake, an object that rejects calls to
 * missing methods.
 */
export function fileSourceOf(service: object): WxCloudFileSource {
  if (contextOf(service) !== undefined) return service as WxCloudFileSource;
  const call = (name: keyof WxCloudFileSource) => async (fileId: string, options?: object) =>
    callMethod(service, name, fileId, options) as never;
  return {
    getDownloadUrl: call('getDownloadUrl'),
    download: call('download'),
    downloadBuffer: call('downloadBuffer'),
    stat: call('stat'),
    delete: call('delete'),
  };
}

async function upload(
  context: StorageContext,
  service: object,
  call: UploadObjectCall,
): Promise<WxCloudStoredFile> {
  const { cloudPath, body, contentType, isPathUnique: uniquePath, onProgress, signal } = call;
  const source = await toSource(body, context.options.upload.memoryLimitBytes, signal);
  const options = { contentType, size: body.size, uniquePath, onProgress, signal };
  const uploading = callMethod(service, 'upload', cloudPath, source, options).then(given =>
    readStored(given, call),
  );
  try {
    const stored = await untilAborted(uploading, signal);
    await readToEnd(source);
    return stored;
  } catch (error) {
    // The fake may store the file later all the same.
    const deleting = uploading.then(
      ({ fileId }) => deleteLeftovers(context, [{ fileId, isPathUnique: uniquePath }]),
      () => {},
    );
    if (!signal.aborted) await deleting;
    throw error;
  } finally {
    if (source instanceof Readable) source.destroy();
  }
}

/** Returns a Buffer for content that fits into memory, which keeps fakes simple; else a stream. */
async function toSource(
  body: UploadBody,
  mostBytes: number,
  signal: AbortSignal,
): Promise<Buffer | Readable> {
  const bytes = body.open(signal);
  const chunks = Buffer.isBuffer(bytes) ? [bytes] : bytes;
  if (body.size <= mostBytes) {
    const all: Uint8Array[] = [];
    for await (const chunk of chunks) all.push(chunk);
    return Buffer.concat(all);
  }
  const stream = Readable.from(chunks, { objectMode: false });
  // An error of an unread stream must not end the process; see `readToEnd`.
  stream.on('error', () => {});
  return stream;
}

/**
 * Reads the rest of a stream that a fake left unread, as the client's file must be complete and its
 * request read.
 */
async function readToEnd(source: Buffer | Readable): Promise<void> {
  if (!(source instanceof Readable)) return;
  if (source.errored) throw source.errored;
  if (source.destroyed || source.readableEnded) return;
  source.resume();
  await finished(source);
}

function readStored(
  given: unknown,
  { cloudPath, body, contentType }: UploadObjectCall,
): WxCloudStoredFile {
  const { fileId, ...rest } = (given ?? {}) as Partial<WxCloudStoredFile>;
  if (typeof fileId !== 'string' || fileId === '') throw unexpectedResult('upload', given);
  return {
    fileId,
    cloudPath: rest.cloudPath ?? cloudPath,
    size: rest.size ?? body.size,
    contentType: rest.contentType ?? contentType,
    etag: rest.etag ?? '',
  };
}

async function deleteThrough(
  { logger }: StorageContext,
  service: object,
  fileId: string,
  signal: AbortSignal,
): Promise<WxCloudDeleteOutcome> {
  try {
    await untilAborted(callMethod(service, 'delete', fileId, { signal }), signal);
    return { fileId, ok: true };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const message = `${fileId} was not deleted by the service that replaces WxCloudStorageService: ${reason}`;
    // The reason is reported nowhere else.
    logger.warn(message);
    const error = new WxCloudStorageError({ code: 'WX_CLOUD_API_FAILED', message, cause });
    return { fileId, ok: false, error };
  }
}

async function getLink(
  service: object,
  fileId: string,
  maxAgeSeconds: number | undefined,
  signal: AbortSignal,
): Promise<WxCloudDownloadUrlOutcome> {
  const getting = callMethod(service, 'getDownloadUrl', fileId, { maxAgeSeconds, signal });
  const url = await untilAborted(getting, signal);
  if (typeof url !== 'string') throw unexpectedResult('getDownloadUrl', url);
  return { fileId, ok: true, url };
}

async function callMethod(
  service: object,
  name: CalledMethod,
  ...given: unknown[]
): Promise<unknown> {
  const method: unknown = Reflect.get(service, name);
  if (typeof method === 'function') return Reflect.apply(method, service, given) as unknown;
  throw new WxCloudStorageError({
    code: 'WX_CLOUD_ARGUMENT_INVALID',
    message: `The service that replaces WxCloudStorageService has no method ${name}(). Add ${SIGNATURES[name]}.`,
  });
}

function unexpectedResult(name: CalledMethod, given: unknown): WxCloudStorageError {
  const found = given === null ? 'null' : typeof given;
  return new WxCloudStorageError({
    code: 'WX_CLOUD_ARGUMENT_INVALID',
    message: `The service that replaces WxCloudStorageService returned ${found} from ${name}(). Expected: ${SIGNATURES[name]}.`,
  });
}

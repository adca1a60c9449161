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

/** The name under which the instance without one is kept. */
export const DEFAULT_INSTANCE = 'default';

/** The methods of a service that are called here. */
type CalledMethod = 'upload' | keyof WxCloudFileSource;

/** The methods that a fake has to have where they are called. */
const SIGNATURES: Readonly<Record<CalledMethod, string>> = {
  upload: 'upload(cloudPath, body, options), which resolves with { fileId }',
  delete: 'delete(fileId)',
  getDownloadUrl: 'getDownloadUrl(fileId), which resolves with a link',
  download: 'download(fileId), which resolves with { body }',
  downloadBuffer: 'downloadBuffer(fileId), which resolves with a Buffer',
  stat: 'stat(fileId), which resolves with { size, contentType, etag }',
};

/**
 * The service class as it was loaded: this folder cannot import it, so that it makes itself known.
 */
let serviceClass: Type<WxCloudFileSource> | undefined;
/** Its methods as they were then. */
let classMethods: ReadonlyMap<string, unknown> = new Map();
const contexts = new WeakMap<object, StorageContext>();

/** Makes the class known, with its methods as they are before a test replaces one. */
export function registerServiceClass(type: Type<WxCloudFileSource>): void {
  const { prototype } = type as { readonly prototype: object };
  const names = Object.getOwnPropertyNames(prototype);
  serviceClass = type;
  classMethods = new Map(names.map(name => [name, Reflect.get(prototype, name)]));
}

/** Makes known the context that a service of that class, or of one that extends it, works with. */
export function registerService(service: object, context: StorageContext): void {
  contexts.set(service, context);
}

/** The context that a service works with by itself; undefined for a fake. */
export function contextOf(service: object): StorageContext | undefined {
  return contexts.get(service);
}

/**
 * True when a service does with these methods what its class does: no fake, subclass or spy has
 * replaced one.
 */
function hasOwn(
  service: object,
  ...names: readonly (CalledMethod | 'deleteMany' | 'getDownloadUrls')[]
): boolean {
  if (!contexts.has(service)) return false;
  return names.every(name => Reflect.get(service, name) === classMethods.get(name));
}

/** The injection token of an instance's service. */
export function serviceTokenOf(name: string): symbol | Type<WxCloudFileSource> | undefined {
  return name === DEFAULT_INSTANCE ? serviceClass : namedServiceToken(name);
}

/** The same, where it has a name. */
export function namedServiceToken(name: string): symbol {
  return Symbol.for(`wx-cloud-storage:service:${name}`);
}

/**
 * A context that stores, deletes and makes links by the methods of a service that is not, or not in
 * all, the class's own: a fake, a subclass, one with a spy. What the class does itself goes
 * straight to the storage. Looked at for each call, as a spy may come at any time.
 */
export function throughService(context: StorageContext, service: object): StorageContext {
  const through: StorageContext = {
    ...context,
    storeObject: call =>
      hasOwn(service, 'upload') ? uploadObject(context, call) : upload(through, service, call),
    deletions: {
      delete: files =>
        hasOwn(service, 'delete', 'deleteMany')
          ? context.deletions.delete(files)
          : Promise.all(
              files.fileIds.map(fileId => remove(through, service, fileId, files.signal)),
            ),
    },
    links: {
      fetch: (...call) => context.links.fetch(...call),
      get: call =>
        hasOwn(service, 'getDownloadUrl', 'getDownloadUrls')
          ? context.links.get(call)
          : Promise.all(call.fileIds.map(fileId => link(service, fileId, call))),
    },
  };
  return through;
}

/**
 * The source that handles of files work with: the service, or a fake with an error for each method
 * that it lacks.
 */
export function fileSourceOf(service: object): WxCloudFileSource {
  if (contextOf(service) !== undefined) return service as WxCloudFileSource;
  const call = (name: keyof WxCloudFileSource) => async (fileId: string, options?: object) =>
    ask(service, name, fileId, options) as never;
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
  const uploading = ask(service, 'upload', cloudPath, source, options).then(given =>
    readStored(given, call),
  );
  try {
    const stored = await untilAborted(uploading, signal);
    await readToEnd(source);
    return stored;
  } catch (error) {
    // It may be stored all the same, perhaps only later.
    const removing = uploading.then(
      ({ fileId }) => deleteLeftovers(context, [{ fileId, isPathUnique: uniquePath }]),
      () => {},
    );
    if (!signal.aborted) await removing;
    throw error;
  } finally {
    if (source instanceof Readable) source.destroy();
  }
}

/**
 * A Buffer of what may be in memory anyway, for the sake of simple fakes; a stream of anything
 * larger.
 */
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
  // A fake that does not read it must not bring the process down; see below.
  stream.on('error', () => {});
  return stream;
}

/** A fake may leave a stream unread, but a client's file is to be whole, and its request read. */
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
  if (typeof fileId !== 'string' || fileId === '') throw useless('upload', given);
  return {
    fileId,
    cloudPath: rest.cloudPath ?? cloudPath,
    size: rest.size ?? body.size,
    contentType: rest.contentType ?? contentType,
    etag: rest.etag ?? '',
  };
}

async function remove(
  { logger }: StorageContext,
  service: object,
  fileId: string,
  signal: AbortSignal,
): Promise<WxCloudDeleteOutcome> {
  try {
    await untilAborted(ask(service, 'delete', fileId, { signal }), signal);
    return { fileId, ok: true };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const message = `${fileId} was not deleted by the service in place of WxCloudStorageService: ${reason}`;
    // The reason is told nowhere else.
    logger.warn(message);
    const error = new WxCloudStorageError({ code: 'WX_CLOUD_API_FAILED', message, cause });
    return { fileId, ok: false, error };
  }
}

async function link(
  service: object,
  fileId: string,
  { maxAgeSeconds, signal }: Parameters<StorageContext['links']['get']>[0],
): Promise<WxCloudDownloadUrlOutcome> {
  const asking = ask(service, 'getDownloadUrl', fileId, { maxAgeSeconds, signal });
  const url = await untilAborted(asking, signal);
  if (typeof url !== 'string') throw useless('getDownloadUrl', url);
  return { fileId, ok: true, url };
}

async function ask(service: object, name: CalledMethod, ...given: unknown[]): Promise<unknown> {
  const method: unknown = Reflect.get(service, name);
  if (typeof method === 'function') return Reflect.apply(method, service, given) as unknown;
  throw new WxCloudStorageError({
    code: 'WX_CLOUD_ARGUMENT_INVALID',
    message: `The service in place of WxCloudStorageService has no method ${name}(). Add ${SIGNATURES[name]}.`,
  });
}

function useless(name: CalledMethod, given: unknown): WxCloudStorageError {
  const found = given === null ? 'null' : typeof given;
  return new WxCloudStorageError({
    code: 'WX_CLOUD_ARGUMENT_INVALID',
    message: `The service in place of WxCloudStorageService gave ${found} for ${name}(). It takes ${SIGNATURES[name]}.`,
  });
}

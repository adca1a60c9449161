import type { MemoryBudget } from '../../body/memory-budget.js';
import { WxCloudStorageError } from '../../errors/errors.js';
import { RequestProperty } from '../request-origin.js';
import { RequestMemory } from '../refused-request.js';
import type { UploadTransaction } from '../upload-transaction.js';
import type { FileTarget } from './request-files.js';

/**
 * Bytes per request that are counted without a check: a form is accepted only when there is room
 * for it.
 */
const USUAL_BYTES = 65_536;
const NOTHING = new Uint8Array();
/** An empty head, for files that come too late. */
const NO_HEAD: FileHead = { bytes: NOTHING };
/** Symbols that read the content of an object. */
const READING_SYMBOLS: ReadonlySet<PropertyKey> = new Set([
  Symbol.iterator,
  Symbol.asyncIterator,
  Symbol.toPrimitive,
]);

/** The first bytes of one file; emptied when its request ends. */
export interface FileHead {
  bytes: Uint8Array;
}

/**
 * The first bytes of the files of one request, until it ends. Nest's `FileTypeValidator` needs
 * them: it detects the type in a file's `buffer`. They count as upload memory.
 */
export class FileHeads {
  readonly #memory: RequestMemory;
  readonly #keepFile: (fileId: string) => Promise<void>;
  readonly #heads: FileHead[] = [];
  readonly #byFileId = new Map<string, FileHead>();
  #keptBytes = 0;
  #isReleased = false;
  #isShownOnRequest = false;

  /** Holds nothing at first. `keepFile` keeps a file whatever happens to its request. */
  constructor(budget: MemoryBudget, keepFile: (fileId: string) => Promise<void>) {
    this.#memory = new RequestMemory(budget);
    this.#keepFile = keepFile;
  }

  /**
   * Keeps a copy of the first bytes of a file.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_CAPACITY_EXCEEDED` when a request has many files
   * and no memory is left
   */
  keep(bytes: Uint8Array): FileHead {
    // The head of a file still in progress when the request ended would never be released.
    if (this.#isReleased) return NO_HEAD;
    this.#keptBytes += bytes.byteLength;
    if (this.#keptBytes > USUAL_BYTES) this.#memory.take(bytes.byteLength);
    else this.#memory.count(bytes.byteLength);
    // A copy outside of Node's pool, which a slice would keep in memory.
    const head = { bytes: new Uint8Array(bytes) };
    this.#heads.push(head);
    return head;
  }

  /** Releases the memory when the request ends. */
  release(): void {
    this.#isReleased = true;
    for (const head of this.#heads) head.bytes = NOTHING;
    this.#memory.release();
  }

  /**
   * Defines the method `keep` on a stored file, and a `buffer` that shows its type and nothing
   * else. They are not enumerable, so they do not appear when the file is listed, copied or
   * serialised.
   */
  showOn(file: { readonly fileId: string }, head: FileHead): void {
    const { fileId } = file;
    const define = (name: string, attributes: PropertyDescriptor): unknown =>
      Object.defineProperty(file, name, { configurable: true, enumerable: false, ...attributes });
    define('buffer', {
      get: () => guardHead(head.bytes, fileId),
      set: (value: unknown) => {
        define('buffer', { value, writable: true });
      },
    });
    define('keep', { value: () => this.#keepFile(fileId), writable: true });
  }

  /**
   * Does the same for the object that a parser makes of the engine's result and sets on the
   * request. Two files that were stored at one path show no type unless their heads are equal: it
   * is not known whose content is stored.
   */
  showOnRequest(request: object, fileId: string, head: FileHead): void {
    const known = this.#byFileId.get(fileId);
    const isSame = known === undefined || Buffer.compare(known.bytes, head.bytes) === 0;
    this.#byFileId.set(fileId, isSame ? head : { bytes: NOTHING });
    if (this.#isShownOnRequest) return;
    this.#isShownOnRequest = true;
    this.#showWhenRead(request, 'file');
    this.#showWhenRead(request, 'files');
  }

  #showWhenRead(request: FileTarget, name: keyof FileTarget): void {
    let files = request[name];
    Object.defineProperty(request, name, {
      configurable: true,
      enumerable: true,
      get: () => {
        for (const file of listFiles(files)) this.#showOnCopy(file);
        return files;
      },
      set: (value: unknown) => {
        files = value;
      },
    });
  }

  #showOnCopy(file: object): void {
    const { fileId } = file as { readonly fileId?: unknown };
    if (typeof fileId !== 'string' || 'buffer' in file) return;
    const head = this.#byFileId.get(fileId);
    if (head !== undefined) this.showOn(file as { readonly fileId: string }, head);
  }
}

const headsProperty = new RequestProperty<FileHeads>('fileHeads');

/** Returns the heads of a request's files, which are released when the request ends. */
export function fileHeadsOf(
  request: object,
  transaction: UploadTransaction,
  budget: MemoryBudget,
): FileHeads {
  const known = headsProperty.read(request);
  if (known !== undefined) return known;
  const heads = new FileHeads(budget, fileId => transaction.keep(fileId));
  headsProperty.write(request, heads);
  transaction.onEnd(() => heads.release());
  return heads;
}

/** Lists the files of a request: one file, a list, or a list for each field. */
function listFiles(files: unknown): readonly object[] {
  if (typeof files !== 'object' || files === null) return [];
  const isOne = typeof (files as { readonly fileId?: unknown }).fileId === 'string';
  const listed: readonly unknown[] = isOne ? [files] : Object.values(files).flat();
  return listed.filter(file => typeof file === 'object' && file !== null);
}

/**
 * Creates an object that passes as a `Uint8Array` for code that reads its length and slices within
 * it, as type detectors do. The runtime does not accept it as a buffer, and any other use throws:
 * treated as the whole content, it would be stored truncated.
 */
function guardHead(head: Uint8Array, fileId: string): object {
  const subarray = (from = 0, to?: number): Uint8Array => {
    if (to === undefined || to > head.byteLength) throw notTheContent(fileId);
    return head.subarray(from, to);
  };
  const members = new Map<PropertyKey, unknown>([
    ['length', head.byteLength],
    ['byteLength', head.byteLength],
    ['subarray', subarray],
    // Read by `await`, which must work.
    ['then', undefined],
  ]);
  const get = (_: unknown, name: PropertyKey): unknown => {
    if (members.has(name)) return members.get(name);
    if (typeof name === 'symbol' && !READING_SYMBOLS.has(name)) return undefined;
    throw notTheContent(fileId);
  };
  return new Proxy(Object.create(Uint8Array.prototype) as object, { get });
}

function notTheContent(fileId: string): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_ARGUMENT_INVALID',
    message:
      "The buffer of an uploaded file is not its content: it only shows the type to Nest's FileTypeValidator. " +
      `The content is in the storage: read it with WxCloudStorageService.downloadBuffer('${fileId}').`,
  });
}

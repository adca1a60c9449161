import type { MemoryBudget } from '../../body/memory-budget.js';
import { WxCloudStorageError } from '../../errors/errors.js';
import { RequestProperty } from '../application-registry.js';
import { RequestMemory } from '../refused-request.js';
import type { UploadTransaction } from '../upload-transaction.js';
import type { FileTarget } from './request-files.js';

/** So much of one request is only counted, as every form begins where there is room for it. */
const USUAL_BYTES = 65_536;
const NOTHING = new Uint8Array();
/** The head of a file of which nothing was looked at. */
const NO_HEAD: FileHead = { bytes: NOTHING };
/** Ways to take the content of an object that is none of its named members. */
const READING_SYMBOLS: ReadonlySet<PropertyKey> = new Set([
  Symbol.iterator,
  Symbol.asyncIterator,
  Symbol.toPrimitive,
]);

/** The first bytes of one file, for as long as its request lasts. */
export interface FileHead {
  bytes: Uint8Array;
}

/**
 * The first bytes of the files of one request, as long as that lasts, for Nest's
 * `FileTypeValidator`: it looks for the type in a file's `buffer`. They are counted as the memory
 * of uploads that they are.
 */
export class FileHeads {
  readonly #memory: RequestMemory;
  readonly #heads: FileHead[] = [];
  readonly #byFileId = new Map<string, FileHead>();
  #keptBytes = 0;
  #isReleased = false;
  #isShownOnRequest = false;

  /** Holds nothing yet. */
  constructor(budget: MemoryBudget) {
    this.#memory = new RequestMemory(budget);
  }

  /**
   * Keeps a copy of the first bytes of a file.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_CAPACITY_EXCEEDED` when a request has many files,
   * and there is no memory left
   */
  keep(bytes: Uint8Array): FileHead {
    // A file that was still on its way when the request ended: it would never be released.
    if (this.#isReleased) return NO_HEAD;
    this.#keptBytes += bytes.byteLength;
    if (this.#keptBytes > USUAL_BYTES) this.#memory.take(bytes.byteLength);
    else this.#memory.count(bytes.byteLength);
    // Not a part of Node's pool, which it would hold in memory.
    const head = { bytes: new Uint8Array(bytes) };
    this.#heads.push(head);
    return head;
  }

  /** The request has ended. */
  release(): void {
    this.#isReleased = true;
    for (const head of this.#heads) head.bytes = NOTHING;
    this.#memory.release();
  }

  /**
   * Gives a stored file a `buffer` that tells its type and nothing else. Nobody sees it who lists,
   * copies or serialises the file.
   */
  showOn(file: { readonly fileId: string }, head: FileHead): void {
    const define = (attributes: PropertyDescriptor): unknown =>
      Object.defineProperty(file, 'buffer', {
        configurable: true,
        enumerable: false,
        ...attributes,
      });
    define({
      get: () => guardHead(head.bytes, file.fileId),
      set: (value: unknown) => {
        define({ value, writable: true });
      },
    });
  }

  /**
   * As {@link showOn}, for the object that a parser will have made of what an engine gave it, and
   * put on the request. Two files that were stored in one place have no type, but for equal heads:
   * it is not known whose content is there.
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

/** The heads of a request's files; they are released when it ends. */
export function fileHeadsOf(
  request: object,
  transaction: UploadTransaction,
  budget: MemoryBudget,
): FileHeads {
  const known = headsProperty.read(request);
  if (known !== undefined) return known;
  const heads = new FileHeads(budget);
  headsProperty.write(request, heads);
  transaction.onEnd(() => heads.release());
  return heads;
}

/** One file, a list, or a list for each field. */
function listFiles(files: unknown): readonly object[] {
  if (typeof files !== 'object' || files === null) return [];
  const isOne = typeof (files as { readonly fileId?: unknown }).fileId === 'string';
  const listed: readonly unknown[] = isOne ? [files] : Object.values(files).flat();
  return listed.filter(file => typeof file === 'object' && file !== null);
}

/**
 * Passes for a `Uint8Array` with whoever reads its length and asks for parts of it within that, as
 * detectors of types do. It is no buffer for the runtime, and every other use of it fails: taken
 * for the whole content, it would be stored cut off.
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
    // Asked by `await`, which takes nothing.
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
      "The buffer of an uploaded file is not its content: it tells the type to Nest's FileTypeValidator. " +
      `The content is in the storage: read it with WxCloudStorageService.downloadBuffer('${fileId}').`,
  });
}

import { createHash, randomUUID } from 'node:crypto';
import {
  type FileHandle,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { isCloudPath } from './cloud-paths.js';
import {
  type IncomingObject,
  type ObjectContent,
  type ObjectStore,
  CHUNK_BYTES,
  type StoredObject,
} from './object-store.js';

/** The content of a metadata file. */
interface DiskRecord {
  /** The object. */
  readonly object: StoredObject;
  /** The name of the file with its content, in the same folder. */
  readonly contentFile: string;
}

type Unknown<T> = { readonly [K in keyof T]?: unknown };

/** Metadata is smaller: a path has up to 850 bytes, and Node.js receives 16 KiB of headers. */
const MAX_METADATA_BYTES = 65_536;
const METADATA_FILE = /^[0-9a-f]{64}\.json$/;
const CONTENT_FILE = /^[0-9a-f-]{36}\.data$/;
const UNFINISHED_FILE = /^[0-9a-f-]{36}\.tmp$/;
/** The folder for files of objects that cannot be read. */
const BROKEN_FOLDER = 'broken';
/** The maximum number of files that a warning names. */
const MAX_NAMED_FILES = 3;

/**
 * The name of a lock: an empty folder that names the process which uses the folder around it, and
 * the start of that process.
 */
const LOCK = /^emulator-(?<pid>\d{1,10})-(?<startedAt>\d{1,15})-[0-9a-f-]{36}\.lock$/;

/** Distinguishes this process from an earlier one: in containers, PIDs repeat after a restart. */
const STARTED_AT = String(Math.floor(performance.timeOrigin));

/**
 * Locks a folder for one emulator on this machine. Each emulator first creates its lock and then
 * looks for others, so that two which start at the same time see each other. Deletes the locks of
 * ended processes.
 * @returns a function that releases the lock
 * @throws {Error} if another process uses the folder; the message names it
 */
async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const own = `emulator-${process.pid}-${STARTED_AT}-${randomUUID()}.lock`;
  const remove = (name: string): Promise<void> =>
    rm(join(folder, name), { recursive: true, force: true });
  await mkdir(join(folder, own));
  try {
    for (const name of await readdir(folder)) {
      const { pid, startedAt } = LOCK.exec(name)?.groups ?? {};
      if (name === own || pid === undefined) continue;
      if (isRunning(Number(pid), startedAt)) throw heldBy(pid, join(folder, name));
      await remove(name);
    }
  } catch (error) {
    await remove(own);
    throw error;
  }
  return () => remove(own);
}

function isRunning(pid: number, startedAt: string | undefined): boolean {
  if (pid === process.pid) return startedAt === STARTED_AT;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // The process exists, but belongs to another user.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

function heldBy(pid: string, lock: string): Error {
  return new Error(
    `another emulator uses it (process ${pid}). Close that one, or use a different folder; if process ${pid} is not an emulator, delete ${lock}.`,
  );
}

/** Returns the name of an object's metadata file. */
function metadataFileOf(cloudPath: string): string {
  return `${createHash('sha256').update(cloudPath).digest('hex')}.json`;
}

/**
 * Reads and checks a metadata file, and checks that its content file exists. Any program may have
 * written them.
 * @throws {Error} if the record is invalid; the message says why
 */
async function readRecord(folder: string, name: string): Promise<DiskRecord> {
  const { size } = await assertFile(join(folder, name), 'the metadata');
  if (size > MAX_METADATA_BYTES) throw new Error('the metadata is too large');
  const record = decodeRecord(parse(await readFile(join(folder, name), 'utf8')));
  if (metadataFileOf(record.object.cloudPath) !== name) {
    throw new Error('the metadata belongs to another path');
  }
  const content = await assertFile(join(folder, record.contentFile), 'the content');
  if (content.size === record.object.size) return record;
  throw new Error('the content has another size');
}

/** Checks that a path is a regular file: a symbolic link could point outside the folder. */
async function assertFile(path: string, what: string): Promise<{ readonly size: number }> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) throw new Error(`${what} is missing`);
  if (found.isFile()) return found;
  throw new Error(`${what} is not a file`);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(text.trim() === '' ? 'the metadata is empty' : 'the metadata is not JSON');
  }
}

function decodeRecord(value: unknown): DiskRecord {
  const { object, contentFile } = (value ?? {}) as Unknown<DiskRecord>;
  if (typeof contentFile !== 'string' || !CONTENT_FILE.test(contentFile)) {
    throw new Error('the metadata names no file in this folder');
  }
  if (isStoredObject(object)) return { object, contentFile };
  throw new Error('the metadata describes no object');
}

function isStoredObject(value: unknown): value is StoredObject {
  const object = (value ?? {}) as Unknown<StoredObject>;
  return (
    typeof object.cloudPath === 'string' &&
    isCloudPath(object.cloudPath) &&
    Number.isSafeInteger(object.size) &&
    isHeaderValue(object.contentType) &&
    (object.contentEncoding === undefined || isHeaderValue(object.contentEncoding)) &&
    (object.headers === undefined || isHeaderRecord(object.headers)) &&
    typeof object.etag === 'string' &&
    /^[0-9a-f]{32}(-\d{1,5})?$/.test(object.etag) &&
    (object.crc64 === undefined || isChecksum(object.crc64)) &&
    isTime(object.lastModifiedMs) &&
    typeof object.fileIdAlive === 'boolean'
  );
}

function isHeaderValue(value: unknown): boolean {
  return typeof value === 'string' && /^[\t\u0020-\u007e\u0080-\u00ff]+$/.test(value);
}

function isHeaderRecord(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    Object.entries(value ?? {}).every(
      ([name, text]) => /^[a-z0-9-]+$/.test(name) && isHeaderValue(text),
    )
  );
}

function isChecksum(value: unknown): boolean {
  return typeof value === 'string' && /^\d{1,20}$/.test(value);
}

function isTime(value: unknown): boolean {
  return typeof value === 'number' && !Number.isNaN(new Date(value).getTime());
}

/**
 * Stores objects in a folder: the content in a file with a random name, the metadata in a file
 * named after the hash of the path. An object exists as soon as its metadata file has been renamed
 * to its final name.
 */
export class DiskStore implements ObjectStore {
  readonly #folder: string;
  readonly #unlock: () => Promise<void>;
  readonly #objects = new Map<string, StoredObject>();
  readonly #contentFiles = new Map<string, string>();
  #changes: Promise<unknown> = Promise.resolve();

  private constructor(folder: string, unlock: () => Promise<void>) {
    this.#folder = folder;
    this.#unlock = unlock;
  }

  /**
   * Creates the folder if it is missing, reads its objects, and deletes unfinished files of earlier
   * runs. Moves the files of unreadable objects to a subfolder, with a process warning.
   * @throws {Error} if another emulator uses the folder
   */
  static async open(folder: string): Promise<DiskStore> {
    await mkdir(folder, { recursive: true });
    const store = new DiskStore(folder, await lockFolder(folder));
    try {
      await store.#load();
      return store;
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  /** See {@link ObjectStore.objects}. */
  get objects(): ReadonlyMap<string, StoredObject> {
    return this.#objects;
  }

  /** See {@link ObjectStore.create}. */
  async create(): Promise<IncomingObject> {
    const contentFile = `${randomUUID()}.data`;
    const file = await open(join(this.#folder, contentFile), 'wx');
    const remove = (): Promise<void> => this.#remove(contentFile);
    return {
      write: chunk => file.appendFile(chunk),
      commit: async (object, isCreateOnly = false) => {
        try {
          await file.close();
          return await this.#serially(async () => {
            if (isCreateOnly && this.#objects.has(object.cloudPath)) {
              await remove();
              return false;
            }
            await this.#put({ object, contentFile });
            return true;
          });
        } catch (error) {
          await remove();
          throw error;
        }
      },
      keep: async () => {
        await file.close();
        return { read: () => readFileChunks(join(this.#folder, contentFile)), discard: remove };
      },
      discard: async () => {
        await file.close();
        await remove();
      },
    };
  }

  /** See {@link ObjectStore.open}. */
  open(cloudPath: string): Promise<ObjectContent | undefined> {
    return this.#serially(async () => {
      const object = this.#objects.get(cloudPath);
      const contentFile = this.#contentFiles.get(cloudPath);
      if (object === undefined || contentFile === undefined) return undefined;
      const file = await open(join(this.#folder, contentFile), 'r');
      return {
        object,
        read: (start, end) => readChunks(file, start, end),
        close: () => file.close(),
      };
    });
  }

  /** See {@link ObjectStore.delete}. */
  delete(cloudPath: string): Promise<void> {
    return this.#serially(() => this.#delete(cloudPath));
  }

  /** See {@link ObjectStore.clear}. */
  clear(): Promise<void> {
    return this.#serially(async () => {
      for (const cloudPath of this.#objects.keys()) await this.#delete(cloudPath);
    });
  }

  /** See {@link ObjectStore.close}. */
  async close(): Promise<void> {
    await this.#serially(() => this.#unlock());
  }

  async #load(): Promise<void> {
    const names = await readdir(this.#folder);
    const problems = new Map<string, string>();
    const inUse = new Set<string>();
    for (const name of names.filter(one => METADATA_FILE.test(one))) {
      try {
        const record = await readRecord(this.#folder, name);
        if (inUse.has(record.contentFile)) throw new Error('the content belongs to another object');
        inUse.add(record.contentFile);
        this.#take(record);
      } catch (error) {
        problems.set(name, error instanceof Error ? error.message : String(error));
      }
    }
    const unowned = names.filter(name => CONTENT_FILE.test(name) && !inUse.has(name));
    await this.#removeAll(names.filter(name => UNFINISHED_FILE.test(name)));
    if (problems.size === 0) return this.#removeAll(unowned);
    // The unreferenced files may include the content of an unreadable object.
    await this.#setAside([...problems.keys(), ...unowned]);
    process.emitWarning(describeProblems(problems, join(this.#folder, BROKEN_FOLDER)));
  }

  #take({ object, contentFile }: DiskRecord): void {
    this.#objects.set(object.cloudPath, object);
    this.#contentFiles.set(object.cloudPath, contentFile);
  }

  async #setAside(names: readonly string[]): Promise<void> {
    const target = join(this.#folder, BROKEN_FOLDER);
    await mkdir(target, { recursive: true });
    for (const name of names) await rename(join(this.#folder, name), join(target, name));
  }

  async #put(record: DiskRecord): Promise<void> {
    const { cloudPath } = record.object;
    const temporary = `${randomUUID()}.tmp`;
    try {
      await writeFile(join(this.#folder, temporary), JSON.stringify(record));
      await rename(join(this.#folder, temporary), join(this.#folder, metadataFileOf(cloudPath)));
    } catch (error) {
      await this.#remove(temporary);
      throw error;
    }
    const replaced = this.#contentFiles.get(cloudPath);
    this.#take(record);
    if (replaced !== undefined) await this.#remove(replaced);
  }

  async #delete(cloudPath: string): Promise<void> {
    const contentFile = this.#contentFiles.get(cloudPath);
    if (contentFile === undefined) return;
    await this.#remove(metadataFileOf(cloudPath));
    this.#objects.delete(cloudPath);
    this.#contentFiles.delete(cloudPath);
    await this.#remove(contentFile);
  }

  async #removeAll(names: readonly string[]): Promise<void> {
    await Promise.all(names.map(name => this.#remove(name)));
  }

  #remove(name: string): Promise<void> {
    return rm(join(this.#folder, name), { force: true });
  }

  /** Runs changes one at a time: two at the same path could delete each other's files. */
  #serially<T>(change: () => Promise<T>): Promise<T> {
    const done = this.#changes.then(change);
    this.#changes = done.catch(() => undefined);
    return done;
  }
}

function describeProblems(problems: ReadonlyMap<string, string>, folder: string): string {
  const named = [...problems].slice(0, MAX_NAMED_FILES).map(([name, why]) => `${name}: ${why}`);
  const more = problems.size > named.length ? `; and ${problems.size - named.length} more` : '';
  return `startWxCloudEmulator: ${problems.size} object(s) of dataDir could not be read (${named.join('; ')}${more}). They are not available; their files were moved to ${folder}.`;
}

async function* readChunks(file: FileHandle, start: number, end: number): AsyncGenerator<Buffer> {
  for (let at = start; at < end;) {
    const length = Math.min(CHUNK_BYTES, end - at);
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(length), 0, length, at);
    if (bytesRead === 0) throw new Error('An object file of the emulator was truncated.');
    yield buffer.subarray(0, bytesRead);
    at += bytesRead;
  }
}

async function* readFileChunks(path: string): AsyncGenerator<Buffer> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    yield* readChunks(file, 0, size);
  } finally {
    await file.close();
  }
}

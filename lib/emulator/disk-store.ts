import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, writeFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { metadataFileOf, readRecord, type DiskRecord } from './disk-record.js';
import { lockFolder } from './folder-lock.js';
import {
  PIECE_BYTES,
  type IncomingObject,
  type ObjectContent,
  type ObjectStore,
  type StoredObject,
} from './object-store.js';

const METADATA = /^[0-9a-f]{64}\.json$/;
const CONTENT = /^[0-9a-f-]{36}\.data$/;
const UNFINISHED = /^[0-9a-f-]{36}\.tmp$/;
/** The folder for files that belong to no object any more, but may be all that is left of one. */
const BROKEN_FOLDER = 'broken';
const NAMED_AT_MOST = 3;

/**
 * Keeps objects in a folder: the content in a file of a random name, the metadata in a file named by the hash of the
 * path. Renaming the metadata file into its place is what makes an object exist.
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
   * Makes the folder when it is missing, reads what is there, and removes what an earlier run left
   * unfinished. Files that cannot be an object's are set aside, with a warning of the process.
   * @throws {Error} when another emulator uses the folder
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
      commit: async object => {
        try {
          await file.close();
          await this.#serially(() => this.#put({ object, contentFile }));
        } catch (error) {
          await remove();
          throw error;
        }
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
        read: (start, end) => readPieces(file, start, end),
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
    for (const name of names.filter(one => METADATA.test(one))) {
      try {
        const record = await readRecord(this.#folder, name);
        if (inUse.has(record.contentFile)) throw new Error('the content is that of another object');
        inUse.add(record.contentFile);
        this.#take(record);
      } catch (error) {
        problems.set(name, error instanceof Error ? error.message : String(error));
      }
    }
    const unowned = names.filter(name => CONTENT.test(name) && !inUse.has(name));
    await this.#removeAll(names.filter(name => UNFINISHED.test(name)));
    if (problems.size === 0) return this.#removeAll(unowned);
    // The content of a broken object may be among them.
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

  /** One change at a time: two of the same path would otherwise remove each other's files. */
  #serially<T>(change: () => Promise<T>): Promise<T> {
    const done = this.#changes.then(change);
    this.#changes = done.catch(() => undefined);
    return done;
  }
}

function describeProblems(problems: ReadonlyMap<string, string>, folder: string): string {
  const named = [...problems].slice(0, NAMED_AT_MOST).map(([name, why]) => `${name}: ${why}`);
  const more = problems.size > named.length ? `; and ${problems.size - named.length} more` : '';
  return `startWxCloudEmulator: ${problems.size} object(s) of dataDir could not be read (${named.join('; ')}${more}). They are missing now; their files are in ${folder}.`;
}

async function* readPieces(file: FileHandle, start: number, end: number): AsyncGenerator<Buffer> {
  for (let at = start; at < end;) {
    const length = Math.min(PIECE_BYTES, end - at);
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(length), 0, length, at);
    if (bytesRead === 0) throw new Error('An object file of the emulator is shorter than it was.');
    yield buffer.subarray(0, bytesRead);
    at += bytesRead;
  }
}

import { createHash, randomUUID } from 'node:crypto';
import {
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  writeFile,
  type FileHandle,
} from 'node:fs/promises';
import { join } from 'node:path';
import {
  PIECE_BYTES,
  type IncomingObject,
  type ObjectContent,
  type ObjectStore,
  type StoredObject,
} from './object-store.js';

/** What a metadata file holds. */
interface DiskRecord {
  readonly object: StoredObject;
  /** The name of the file with the content. */
  readonly contentFile: string;
}

const METADATA = /^[0-9a-f]{64}\.json$/;
const OWN_FILE = /^(?:[0-9a-f]{64}\.json|[0-9a-f-]{36}\.(?:data|tmp))$/;

/**
 * Keeps objects in a folder: the content in a file of a random name, the metadata in a file named by the hash of the
 * path. Renaming the metadata file into its place is what makes an object exist.
 */
export class DiskStore implements ObjectStore {
  readonly #folder: string;
  readonly #objects = new Map<string, StoredObject>();
  readonly #contentFiles = new Map<string, string>();
  #changes: Promise<unknown> = Promise.resolve();

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Makes the folder when it is missing, reads what is there, and removes what an earlier run left unfinished. */
  static async open(folder: string): Promise<DiskStore> {
    const store = new DiskStore(folder);
    await mkdir(folder, { recursive: true });
    await store.#load();
    return store;
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

  async #load(): Promise<void> {
    const names = await readdir(this.#folder);
    for (const name of names.filter(one => METADATA.test(one))) {
      const text = await readFile(join(this.#folder, name), 'utf8');
      const { object, contentFile } = JSON.parse(text) as DiskRecord;
      this.#objects.set(object.cloudPath, object);
      this.#contentFiles.set(object.cloudPath, contentFile);
    }
    const inUse = new Set(this.#contentFiles.values());
    const left = names.filter(
      name => OWN_FILE.test(name) && !METADATA.test(name) && !inUse.has(name),
    );
    await Promise.all(left.map(name => this.#remove(name)));
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
    this.#objects.set(cloudPath, record.object);
    this.#contentFiles.set(cloudPath, record.contentFile);
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

function metadataFileOf(cloudPath: string): string {
  return `${createHash('sha256').update(cloudPath).digest('hex')}.json`;
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

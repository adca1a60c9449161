import {
  type IncomingObject,
  type ObjectContent,
  type ObjectStore,
  CHUNK_BYTES,
  type StoredObject,
} from './object-store.js';

/** Smaller objects are copied, so that they do not retain entire network buffers. */
const MAX_COPIED_BYTES = 16_384;

/** Stores objects in memory, in the chunks in which they were received. */
export class MemoryStore implements ObjectStore {
  readonly #objects = new Map<string, StoredObject>();
  readonly #contents = new Map<string, readonly Buffer[]>();

  /** See {@link ObjectStore.objects}. */
  get objects(): ReadonlyMap<string, StoredObject> {
    return this.#objects;
  }

  /** See {@link ObjectStore.create}. */
  create(): Promise<IncomingObject> {
    let chunks: Buffer[] = [];
    return Promise.resolve({
      write: async chunk => {
        chunks.push(chunk);
      },
      commit: async (object, isCreateOnly = false) => {
        if (isCreateOnly && this.#objects.has(object.cloudPath)) {
          chunks = [];
          return false;
        }
        const content = object.size <= MAX_COPIED_BYTES ? [Buffer.concat(chunks)] : chunks;
        this.#objects.set(object.cloudPath, object);
        this.#contents.set(object.cloudPath, content);
        return true;
      },
      keep: async () => ({
        read: () => readChunks(chunks, 0, Infinity),
        discard: async () => {
          chunks = [];
        },
      }),
      discard: async () => {
        chunks = [];
      },
    });
  }

  /** See {@link ObjectStore.open}. */
  open(cloudPath: string): Promise<ObjectContent | undefined> {
    const chunks = this.#contents.get(cloudPath);
    const object = this.#objects.get(cloudPath);
    if (chunks === undefined || object === undefined) return Promise.resolve(undefined);
    return Promise.resolve({
      object,
      read: (start, end) => readChunks(chunks, start, end),
      close: async () => {},
    });
  }

  /** See {@link ObjectStore.delete}. */
  async delete(cloudPath: string): Promise<void> {
    this.#objects.delete(cloudPath);
    this.#contents.delete(cloudPath);
  }

  /** See {@link ObjectStore.clear}. */
  async clear(): Promise<void> {
    this.#objects.clear();
    this.#contents.clear();
  }

  /** See {@link ObjectStore.close}. */
  async close(): Promise<void> {}
}

async function* readChunks(
  chunks: readonly Buffer[],
  start: number,
  end: number,
): AsyncGenerator<Buffer> {
  let offset = 0;
  for (const chunk of chunks) {
    const from = Math.max(start, offset);
    const to = Math.min(end, offset + chunk.byteLength);
    for (let at = from; at < to; at += CHUNK_BYTES) {
      yield chunk.subarray(at - offset, Math.min(at + CHUNK_BYTES, to) - offset);
    }
    offset += chunk.byteLength;
    if (offset >= end) return;
  }
}

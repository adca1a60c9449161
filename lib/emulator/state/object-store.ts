/** The maximum size of the chunks in which content is read. */
export const CHUNK_BYTES = 262_144;

/** The metadata of a stored object. */
export interface StoredObject {
  /** The object's path, without a leading slash. */
  readonly cloudPath: string;
  /** The size in bytes. */
  readonly size: number;
  /** The media type from the form field or header `Content-Type`. */
  readonly contentType: string;
  /** The encoding from the form field or header `Content-Encoding`; undefined for none. */
  readonly contentEncoding?: string | undefined;
  /**
   * Further headers of its downloads by lower-case name, e.g. `cache-control` and
   * `x-cos-meta-fileid`; undefined for none.
   */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** The ETag without quotes: the MD5 of its content in hex, or `<hex>-<number of parts>`. */
  readonly etag: string;
  /** The CRC-64 of its content, as a decimal number; undefined if it was not computed. */
  readonly crc64?: string | undefined;
  /** The time of the upload in milliseconds since 1970. */
  readonly lastModifiedMs: number;
  /** True if the file ID works: the object was stored with the right `x-cos-meta-fileid`. */
  readonly fileIdAlive: boolean;
}

/** The metadata of an object before its content is known. */
export type ObjectDescription = Pick<
  StoredObject,
  'cloudPath' | 'contentType' | 'contentEncoding' | 'headers' | 'fileIdAlive'
>;

/** The bytes of a part, which belong to no object yet. */
export interface KeptContent {
  /** Reads the bytes. */
  read(): AsyncIterable<Buffer>;
  /** Deletes the bytes. */
  discard(): Promise<void>;
}

/** An object that is being received. Must be ended by one call of `commit`, `keep` or `discard`. */
export interface IncomingObject {
  /** Appends a chunk. */
  write(chunk: Buffer): Promise<void>;
  /**
   * Stores the object at its path and replaces an existing one. With `isCreateOnly`, an existing
   * one stays.
   * @returns true if the object was stored; otherwise what has been received is deleted
   */
  commit(object: StoredObject, isCreateOnly?: boolean): Promise<boolean>;
  /** Keeps what has been received, without an object. It does not survive the emulator. */
  keep(): Promise<KeptContent>;
  /** Deletes what has been received. */
  discard(): Promise<void>;
}

/** An object's content, which stays readable even if the object is deleted or replaced. */
export interface ObjectContent {
  /** The metadata of the object. */
  readonly object: StoredObject;
  /** Reads the bytes from `start` to `end` (exclusive). */
  read(start: number, end: number): AsyncIterable<Buffer>;
  /** Releases the content. Must be called once. */
  close(): Promise<void>;
}

/** A store for objects. */
export interface ObjectStore {
  /** All objects by path. */
  readonly objects: ReadonlyMap<string, StoredObject>;
  /** Starts to receive an object. */
  create(): Promise<IncomingObject>;
  /** Opens an object; returns undefined if it does not exist. */
  open(cloudPath: string): Promise<ObjectContent | undefined>;
  /** Deletes an object; has no effect if it does not exist. */
  delete(cloudPath: string): Promise<void>;
  /** Deletes all objects. */
  clear(): Promise<void>;
  /** Releases resources and keeps the objects. No method may be called afterwards. */
  close(): Promise<void>;
}

/**
 * Stores an object whose content is already in the store, in pieces.
 * @returns false if `isCreateOnly` is set and there is an object at its path
 */
export async function storeContents(
  store: ObjectStore,
  contents: readonly Pick<KeptContent, 'read'>[],
  object: StoredObject,
  isCreateOnly: boolean,
): Promise<boolean> {
  const incoming = await store.create();
  try {
    for (const content of contents) {
      for await (const chunk of content.read()) await incoming.write(chunk);
    }
  } catch (error) {
    await incoming.discard();
    throw error;
  }
  return incoming.commit(object, isCreateOnly);
}

/** Content is read in chunks of at most this many bytes. */
export const CHUNK_BYTES = 262_144;

/** What is known of a stored object. */
export interface StoredObject {
  /** The object's path, without a leading slash. */
  readonly cloudPath: string;
  /** How many bytes it has. */
  readonly size: number;
  /** The media type from the form field `Content-Type`. */
  readonly contentType: string;
  /** The encoding from the form field `Content-Encoding`; undefined for none. */
  readonly contentEncoding?: string | undefined;
  /** The MD5 of its content in hex, without quotes. */
  readonly etag: string;
  /** Milliseconds since 1970. */
  readonly lastModifiedMs: number;
  /** True when it was stored with the right `x-cos-meta-fileid`, so that its file ID works. */
  readonly fileIdAlive: boolean;
}

/** An object on its way into the store. Ends with one call of `commit` or `discard`. */
export interface IncomingObject {
  /** Adds bytes. */
  write(chunk: Buffer): Promise<void>;
  /** Puts the object in its place, over one of the same path. */
  commit(object: StoredObject): Promise<void>;
  /** Leaves nothing behind. */
  discard(): Promise<void>;
}

/** An object's content, open for reading, even when the object is removed or replaced meanwhile. */
export interface ObjectContent {
  /** What is known of the object. */
  readonly object: StoredObject;
  /** Reads the bytes from `start` up to, without, `end`. */
  read(start: number, end: number): AsyncIterable<Buffer>;
  /** Has to be called once. */
  close(): Promise<void>;
}

/** Where the objects are. */
export interface ObjectStore {
  /** All objects by path. */
  readonly objects: ReadonlyMap<string, StoredObject>;
  /** Begins a new object. */
  create(): Promise<IncomingObject>;
  /** Opens an object; undefined when there is none. */
  open(cloudPath: string): Promise<ObjectContent | undefined>;
  /** Removes an object; does nothing when there is none. */
  delete(cloudPath: string): Promise<void>;
  /** Removes all. */
  clear(): Promise<void>;
  /** Gives up what the store holds, but not the objects; nothing may be called after that. */
  close(): Promise<void>;
}

import { createHash } from 'node:crypto';
import type { EmulatedCloud } from '../state/emulated-cloud.js';
import type { IncomingObject, StoredObject } from '../state/object-store.js';
import { CosRefusal } from '../state/refusals.js';
import { assertDigest } from './content-digest.js';
import { readObjectHeaders } from './object-headers.js';

/** An event of the form reader, in the order of the form. */
type FormEvent =
  | { readonly type: 'field'; readonly name: string; readonly value: string }
  | { readonly type: 'file' }
  | { readonly type: 'data'; readonly chunk: Buffer };

type State = 'preamble' | 'after-boundary' | 'headers' | 'field' | 'file' | 'epilogue';

const EMPTY = Buffer.alloc(0);
const CRLF = Buffer.from('\r\n');
const END_OF_HEADERS = Buffer.from('\r\n\r\n');
const MAX_PART_HEADER_BYTES = 8_192;
/** The limit for all fields together, without the file. */
const MAX_FIELD_BYTES = 65_536;
const WRONG_FILE_COUNT = 'POST requires exactly one file upload per request.';

/** Reads the boundary of a `Content-Type` header; undefined if it is not a form's. */
export function readBoundary(contentType: string | undefined): string | undefined {
  const match =
    /^multipart\/form-data\s*;(?:.*;)?\s*boundary=(?:"([^"]{1,70})"|([^\s";]{1,70}))/i.exec(
      contentType ?? '',
    );
  return match?.[1] ?? match?.[2];
}

/**
 * Parses a `multipart/form-data` stream: fields as a whole, the part named `file` in chunks. Holds
 * at most the fields and one chunk in memory.
 */
export class ObjectFormReader {
  readonly #delimiter: Buffer;
  #state: State = 'preamble';
  /** Starts with a line break, because the first delimiter may have none before it. */
  #pending: Buffer = CRLF;
  #fieldName = '';
  #fieldChunks: Buffer[] = [];
  #fieldBytes = 0;

  /** Creates a reader for a body with this boundary. */
  constructor(boundary: string) {
    this.#delimiter = Buffer.from(`\r\n--${boundary}`);
  }

  /**
   * Parses the next chunk.
   * @throws {@link CosRefusal} MalformedPOSTRequest
   */
  *push(chunk: Buffer): Generator<FormEvent> {
    this.#pending = this.#pending.byteLength === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    while (this.#state !== 'epilogue') {
      const events = this.#advance();
      if (events === undefined) return;
      yield* events;
    }
    this.#pending = EMPTY;
  }

  /**
   * Checks that the form is complete.
   * @throws {@link CosRefusal} MalformedPOSTRequest
   */
  end(): void {
    if (this.#state !== 'epilogue') throw malformed();
  }

  /** Parses one step; returns undefined if that needs more bytes. */
  #advance(): readonly FormEvent[] | undefined {
    if (this.#state === 'after-boundary') return this.#readAfterBoundary();
    if (this.#state === 'headers') return this.#readHeaders();
    return this.#readContent();
  }

  #readAfterBoundary(): readonly FormEvent[] | undefined {
    if (this.#pending.byteLength < 2) return undefined;
    const next = this.#pending.toString('latin1', 0, 2);
    if (next !== '--' && next !== '\r\n') throw malformed();
    this.#state = next === '--' ? 'epilogue' : 'headers';
    // Keeps the line break: together with an empty line it ends the headers of a part without any.
    return [];
  }

  #readHeaders(): readonly FormEvent[] | undefined {
    const end = this.#pending.indexOf(END_OF_HEADERS);
    if (end > MAX_PART_HEADER_BYTES) throw malformed();
    if (end < 0) {
      if (this.#pending.byteLength > MAX_PART_HEADER_BYTES) throw malformed();
      return undefined;
    }
    const name = readPartName(this.#pending.toString('utf8', 0, end));
    this.#pending = this.#pending.subarray(end + END_OF_HEADERS.byteLength);
    this.#state = name === 'file' ? 'file' : 'field';
    this.#fieldName = name;
    this.#fieldChunks = [];
    return name === 'file' ? [{ type: 'file' }] : [];
  }

  #readContent(): readonly FormEvent[] | undefined {
    const at = this.#pending.indexOf(this.#delimiter);
    const end = at < 0 ? this.#startOfPartialDelimiter() : at;
    const chunk = this.#pending.subarray(0, end);
    const state = this.#state;
    this.#pending = this.#pending.subarray(at < 0 ? end : at + this.#delimiter.byteLength);
    if (at >= 0) this.#state = 'after-boundary';
    if (at < 0 && end === 0) return undefined;
    if (state === 'file') return end === 0 ? [] : [{ type: 'data', chunk }];
    return state === 'field' ? this.#collectField(chunk, at >= 0) : [];
  }

  #collectField(chunk: Buffer, isComplete: boolean): readonly FormEvent[] {
    this.#fieldBytes += chunk.byteLength;
    if (this.#fieldBytes > MAX_FIELD_BYTES) throw malformed();
    this.#fieldChunks.push(chunk);
    if (!isComplete) return [];
    const value = Buffer.concat(this.#fieldChunks).toString('utf8');
    return [{ type: 'field', name: this.#fieldName, value }];
  }

  /** Returns the position from which the pending bytes may be the beginning of a delimiter. */
  #startOfPartialDelimiter(): number {
    const { byteLength } = this.#pending;
    let at = Math.max(0, byteLength - this.#delimiter.byteLength + 1);
    for (; at < byteLength; at += 1) {
      const tail = this.#pending.subarray(at);
      if (this.#delimiter.subarray(0, tail.byteLength).equals(tail)) return at;
    }
    return byteLength;
  }
}

function readPartName(headers: string): string {
  const disposition = /\r\ncontent-disposition:[ \t]*form-data([^\r]*)/i.exec(headers)?.[1] ?? '';
  const match = /;\s*name=(?:"((?:[^"\\]|\\.)*)"|([^\s";]+))/i.exec(disposition);
  const name = match?.[1] ?? match?.[2];
  if (name === undefined || name === '') throw malformed();
  return name;
}

function malformed(): CosRefusal {
  return new CosRefusal(
    'MalformedPOSTRequest',
    'The body of your POST request is not well-formed multipart/form-data.',
  );
}

/** Receives one form upload: checks the fields before the file, and stores the file as a stream. */
export class ObjectUploadReceiver {
  readonly #cloud: EmulatedCloud;
  #cloudPath: string;
  readonly #reader: ObjectFormReader;
  readonly #fields = new Map<string, string>();
  readonly #md5 = createHash('md5');
  #headers: StoredObject['headers'];
  #incoming: IncomingObject | undefined;
  #size = 0;

  /** Creates a receiver for the object that the URL names; if it names none, the form does. */
  constructor(cloud: EmulatedCloud, cloudPath: string, boundary: string) {
    this.#cloud = cloud;
    this.#cloudPath = cloudPath;
    this.#reader = new ObjectFormReader(boundary);
  }

  /**
   * Processes the next chunk of the form.
   * @throws {@link CosRefusal}
   */
  async accept(chunk: Buffer): Promise<void> {
    for (const event of this.#reader.push(chunk)) await this.#take(event);
  }

  /**
   * Checks that the form is complete, and stores the object at its path.
   * @throws {@link CosRefusal}
   */
  async complete(): Promise<StoredObject> {
    this.#reader.end();
    const incoming = this.#incoming;
    if (incoming === undefined) {
      throw new CosRefusal('IncorrectNumberOfFilesInPostRequest', WRONG_FILE_COUNT);
    }
    const digest = this.#md5.digest();
    assertDigest(this.#fields.get('content-md5'), digest);
    const object = this.#describe(digest.toString('hex'));
    this.#incoming = undefined;
    await incoming.commit(object);
    return object;
  }

  /** The HTTP status that the form asks for. */
  get successStatus(): 200 | 201 | 204 {
    const value = this.#fields.get('success_action_status');
    if (value === '200') return 200;
    return value === '201' ? 201 : 204;
  }

  /** Deletes the content of an object that was not completed. */
  async discard(): Promise<void> {
    const incoming = this.#incoming;
    this.#incoming = undefined;
    await incoming?.discard();
  }

  async #take(event: FormEvent): Promise<void> {
    if (event.type === 'field') this.#takeField(event.name.toLowerCase(), event.value);
    else if (event.type === 'file') await this.#beginFile();
    else await this.#takeData(event.chunk);
  }

  #takeField(name: string, value: string): void {
    if (this.#incoming !== undefined || this.#fields.has(name)) {
      throw new CosRefusal(
        'MalformedPOSTRequest',
        `The field "${name}" ${this.#incoming ? 'comes after the file, which must be the last field' : 'occurs twice'}.`,
      );
    }
    this.#fields.set(name, value);
  }

  async #beginFile(): Promise<void> {
    if (this.#incoming !== undefined) {
      throw new CosRefusal('IncorrectNumberOfFilesInPostRequest', WRONG_FILE_COUNT);
    }
    const key = this.#assertField('key', 'InvalidArgument');
    const signature = this.#assertField('signature', 'AccessDenied');
    const securityToken = this.#assertField('x-cos-security-token', 'InvalidAccessKeyId');
    this.#assertHeaderFields();
    this.#cloud.uploadLinks.verify({ key, signature, securityToken });
    if (this.#cloudPath === '') this.#cloudPath = key;
    if (key !== this.#cloudPath) {
      throw new CosRefusal('SignatureDoesNotMatch', 'The key and the URL name different objects.');
    }
    this.#incoming = await this.#cloud.store.create();
  }

  /** Checks the fields that downloads send as headers. */
  #assertHeaderFields(): void {
    for (const name of ['Content-Type', 'Content-Encoding']) {
      const value = this.#fields.get(name.toLowerCase()) ?? '';
      if (/^[\t\u0020-\u007e]*$/.test(value)) continue;
      throw new CosRefusal('InvalidArgument', `The field "${name}" is not a valid header value.`);
    }
    // Headers carry the bytes of the fields.
    const bytesOf = (value: string): string => Buffer.from(value).toString('latin1');
    this.#headers = readObjectHeaders(
      [...this.#fields].map(([name, value]) => [name, bytesOf(value)]),
    );
  }

  #assertField(name: string, cosCode: string): string {
    const value = this.#fields.get(name);
    if (value !== undefined && value !== '') return value;
    throw new CosRefusal(cosCode, `The form must contain a field named "${name}" before the file.`);
  }

  async #takeData(chunk: Buffer): Promise<void> {
    this.#size += chunk.byteLength;
    this.#md5.update(chunk);
    await this.#incoming?.write(chunk);
  }

  #describe(etag: string): StoredObject {
    const { metaIds, clock } = this.#cloud;
    const cloudPath = this.#cloudPath;
    return {
      cloudPath,
      size: this.#size,
      // COS reads this field only, never the type of the file's part.
      contentType: this.#fields.get('content-type') || 'application/octet-stream',
      contentEncoding: this.#fields.get('content-encoding') || undefined,
      headers: this.#headers,
      etag,
      lastModifiedMs: Math.floor(clock.now()),
      fileIdAlive: metaIds.isOf(cloudPath, this.#fields.get('x-cos-meta-fileid')),
    };
  }
}

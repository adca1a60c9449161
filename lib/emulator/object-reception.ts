import { createHash } from 'node:crypto';
import type { EmulatedCloud } from './emulated-cloud.js';
import { FormReader, type FormEvent } from './form-reader.js';
import type { IncomingObject, StoredObject } from './object-store.js';
import { CosRefusal } from './refusals.js';

/** What a form upload is checked against. */
export interface ReceptionParts {
  /** Where the object goes. */
  readonly cloud: EmulatedCloud;
  /** The path that the URL names. */
  readonly cloudPath: string;
  /** The form's boundary. */
  readonly boundary: string;
}

/** An object that has been stored. */
export interface ReceivedObject {
  /** The object. */
  readonly object: StoredObject;
  /** The HTTP status that the form asks for. */
  readonly successStatus: 200 | 201 | 204;
}

const WRONG_FILE_COUNT = 'POST requires exactly one file upload per request.';

/** Receives one form upload: checks its fields before the file, and stores the file as it comes. */
export class ObjectReception {
  readonly #cloud: EmulatedCloud;
  readonly #cloudPath: string;
  readonly #reader: FormReader;
  readonly #fields = new Map<string, string>();
  readonly #md5 = createHash('md5');
  #incoming: IncomingObject | undefined;
  #size = 0;

  /** Has received nothing yet. */
  constructor({ cloud, cloudPath, boundary }: ReceptionParts) {
    this.#cloud = cloud;
    this.#cloudPath = cloudPath;
    this.#reader = new FormReader(boundary);
  }

  /** Takes the next bytes of the form. @throws {@link CosRefusal} */
  async accept(chunk: Buffer): Promise<void> {
    for (const event of this.#reader.push(chunk)) await this.#take(event);
  }

  /** Puts the object in its place once the whole form has come. @throws {@link CosRefusal} */
  async complete(): Promise<ReceivedObject> {
    this.#reader.end();
    const incoming = this.#incoming;
    if (incoming === undefined) {
      throw new CosRefusal('IncorrectNumberOfFilesInPostRequest', WRONG_FILE_COUNT);
    }
    const digest = this.#md5.digest();
    this.#assertDigest(digest.toString('base64'));
    const object = this.#describe(digest.toString('hex'));
    this.#incoming = undefined;
    await incoming.commit(object);
    return { object, successStatus: readSuccessStatus(this.#fields.get('success_action_status')) };
  }

  /** Leaves nothing behind of an object that was not completed. */
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
        `The field "${name}" ${this.#incoming ? 'comes after the file, which has to be the last' : 'comes twice'}.`,
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
    if (key !== this.#cloudPath) {
      throw new CosRefusal('SignatureDoesNotMatch', 'The key and the URL name different objects.');
    }
    this.#incoming = await this.#cloud.store.create();
  }

  /** They will have to be sent as headers. */
  #assertHeaderFields(): void {
    for (const name of ['Content-Type', 'Content-Encoding']) {
      const value = this.#fields.get(name.toLowerCase()) ?? '';
      if (/^[\t\u0020-\u007e]*$/.test(value)) continue;
      throw new CosRefusal('InvalidArgument', `The field "${name}" is no header value.`);
    }
  }

  #assertField(name: string, cosCode: string): string {
    const value = this.#fields.get(name);
    if (value !== undefined && value !== '') return value;
    throw new CosRefusal(
      cosCode,
      `The form has to contain a field named "${name}" before the file.`,
    );
  }

  async #takeData(chunk: Buffer): Promise<void> {
    this.#size += chunk.byteLength;
    this.#md5.update(chunk);
    await this.#incoming?.write(chunk);
  }

  #assertDigest(actual: string): void {
    const expected = this.#fields.get('content-md5');
    if (expected === undefined || expected === actual) return;
    const isDigest = /^[\w+/]{22}==$/.test(expected);
    throw new CosRefusal(
      isDigest ? 'BadDigest' : 'InvalidDigest',
      'The Content-MD5 you specified does not fit what was received.',
    );
  }

  #describe(etag: string): StoredObject {
    const { uploadLinks, clock } = this.#cloud;
    const cloudPath = this.#cloudPath;
    return {
      cloudPath,
      size: this.#size,
      // COS looks at this field only, never at the type on the file's part.
      contentType: this.#fields.get('content-type') || 'application/octet-stream',
      contentEncoding: this.#fields.get('content-encoding') || undefined,
      etag,
      lastModifiedMs: Math.floor(clock.now()),
      fileIdAlive: uploadLinks.isMetaFileIdOf(cloudPath, this.#fields.get('x-cos-meta-fileid')),
    };
  }
}

function readSuccessStatus(value: string | undefined): 200 | 201 | 204 {
  if (value === '200') return 200;
  return value === '201' ? 201 : 204;
}

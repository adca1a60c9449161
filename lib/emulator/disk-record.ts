import { createHash } from 'node:crypto';
import { lstat, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isCloudPath } from './cloud-paths.js';
import type { StoredObject } from './object-store.js';

/** The content of a metadata file. */
export interface DiskRecord {
  /** The object. */
  readonly object: StoredObject;
  /** The name of the file with its content, in the same folder. */
  readonly contentFile: string;
}

type Unknown<T> = { readonly [K in keyof T]?: unknown };

const CONTENT_FILE = /^[0-9a-f-]{36}\.data$/;
/** A path has up to 850 bytes, and the other members together less than a KiB. */
const MAX_METADATA_BYTES = 65_536;

/** The name of the file that holds an object's metadata. */
export function metadataFileOf(cloudPath: string): string {
  return `${createHash('sha256').update(cloudPath).digest('hex')}.json`;
}

/**
 * Reads a metadata file that anybody may have written, and looks for the content that it names.
 * @throws {Error} saying what is wrong with it
 */
export async function readRecord(folder: string, name: string): Promise<DiskRecord> {
  const { size } = await assertFile(join(folder, name), 'the metadata');
  if (size > MAX_METADATA_BYTES) throw new Error('the metadata is too large');
  const record = decodeRecord(parse(await readFile(join(folder, name), 'utf8')));
  if (metadataFileOf(record.object.cloudPath) !== name) {
    throw new Error('the metadata is that of another path');
  }
  const content = await assertFile(join(folder, record.contentFile), 'the content');
  if (content.size === record.object.size) return record;
  throw new Error('the content has another size');
}

/** A link could lead out of the folder. */
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
    throw new Error('the metadata names no file of this folder');
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
    typeof object.etag === 'string' &&
    /^[0-9a-f]{32}$/.test(object.etag) &&
    isTime(object.lastModifiedMs) &&
    typeof object.fileIdAlive === 'boolean'
  );
}

function isHeaderValue(value: unknown): boolean {
  return typeof value === 'string' && /^[\t\u0020-\u007e]+$/.test(value);
}

function isTime(value: unknown): boolean {
  return typeof value === 'number' && !Number.isNaN(new Date(value).getTime());
}

import { createHash, randomBytes } from 'node:crypto';
import { combineCrc64 } from './crc64.js';
import type { KeptContent, ObjectDescription } from './object-store.js';
import { CosRefusal } from './refusals.js';

/** A part that has been received. */
export interface StoredPart {
  /** The bytes. */
  readonly content: KeptContent;
  /** Their number. */
  readonly size: number;
  /** Their MD5 in hex. */
  readonly etag: string;
  /** Their CRC-64. */
  readonly crc64: bigint;
  /** The time of the upload in milliseconds since 1970. */
  readonly storedMs: number;
}

/** A multipart upload that is neither completed nor aborted. */
export interface MultipartUpload {
  /** The ID: 74 hexadecimal digits. */
  readonly uploadId: string;
  /** The metadata of the object. */
  readonly description: ObjectDescription;
  /** The time of the initiation in milliseconds since 1970. */
  readonly initiatedMs: number;
  /** The parts by number. */
  readonly parts: ReadonlyMap<number, StoredPart>;
}

/** A part in the order of a Complete request. */
export interface ListedPart {
  /** The number, from 1. */
  readonly partNumber: number;
  /** The MD5 in hex, without quotes. */
  readonly etag: string;
}

/** Parts but the last have at least this size. */
const MIN_PART_BYTES = 1_048_576;

/** The multipart uploads in progress. */
export class MultipartUploads {
  readonly #uploads = new Map<string, MultipartUpload & { parts: Map<number, StoredPart> }>();

  /** All uploads, the oldest first. */
  get all(): readonly MultipartUpload[] {
    return [...this.#uploads.values()];
  }

  /** Begins an upload. */
  initiate(description: ObjectDescription, nowMs: number): MultipartUpload {
    const seconds = String(Math.floor(nowMs / 1_000)).padStart(10, '0');
    const uploadId = seconds + randomBytes(32).toString('hex');
    const upload = { uploadId, description, initiatedMs: nowMs, parts: new Map() };
    this.#uploads.set(uploadId, upload);
    return upload;
  }

  /**
   * Finds an upload.
   * @throws {@link CosRefusal} NoSuchUpload
   */
  find(uploadId: string, cloudPath: string): MultipartUpload {
    const upload = this.#uploads.get(uploadId);
    if (upload?.description.cloudPath === cloudPath) return upload;
    throw new CosRefusal(
      'NoSuchUpload',
      'The specified multipart upload does not exist. The upload ID might be invalid, or the multipart upload might have been aborted or completed.',
    );
  }

  /** Takes an upload out, so that no other request can use it. */
  take({ uploadId }: MultipartUpload): void {
    this.#uploads.delete(uploadId);
  }

  /** Puts back an upload that could not be completed. */
  putBack(upload: MultipartUpload): void {
    this.#uploads.set(upload.uploadId, { ...upload, parts: new Map(upload.parts) });
  }

  /**
   * Adds a part and replaces an earlier one with the same number.
   * @throws {@link CosRefusal} NoSuchUpload if the upload has ended in the meantime
   */
  async addPart(
    { uploadId, description }: MultipartUpload,
    partNumber: number,
    part: StoredPart,
  ): Promise<void> {
    try {
      this.find(uploadId, description.cloudPath);
    } catch (error) {
      await part.content.discard();
      throw error;
    }
    const parts = this.#uploads.get(uploadId)?.parts;
    const replaced = parts?.get(partNumber);
    parts?.set(partNumber, part);
    await replaced?.content.discard();
  }

  /** Deletes all uploads with their parts. */
  async clear(): Promise<void> {
    const uploads = this.all;
    this.#uploads.clear();
    for (const upload of uploads) await discardParts(upload);
  }
}

/** Deletes the parts of an upload that was completed or aborted. */
export async function discardParts({ parts }: MultipartUpload): Promise<void> {
  await Promise.all([...parts.values()].map(part => part.content.discard()));
}

/**
 * Returns the parts that a Complete request lists.
 * @throws {@link CosRefusal} InvalidPartOrder, InvalidPart or EntityTooSmall
 */
export function selectParts(
  { parts }: MultipartUpload,
  listed: readonly ListedPart[],
): readonly StoredPart[] {
  const isOrdered = listed.every(
    ({ partNumber }, index) => index === 0 || partNumber > (listed[index - 1]?.partNumber ?? 0),
  );
  if (!isOrdered) {
    throw new CosRefusal(
      'InvalidPartOrder',
      'The list of parts was not in ascending order. Parts must be ordered by part number.',
    );
  }
  const selected = listed.map(({ partNumber, etag }) => {
    const part = parts.get(partNumber);
    if (part?.etag === etag) return part;
    throw new CosRefusal(
      'InvalidPart',
      'One or more of the specified parts could not be found or the specified entity tag might not have matched the part’s entity tag.',
    );
  });
  if (selected.slice(0, -1).some(({ size }) => size < MIN_PART_BYTES)) {
    throw new CosRefusal(
      'EntityTooSmall',
      'Your proposed upload is smaller than the minimum allowed object size.',
    );
  }
  return selected;
}

/** Returns the size and the checksums of the object that parts make. */
export function describeWhole(parts: readonly StoredPart[]): {
  readonly size: number;
  readonly etag: string;
  readonly crc64: string;
} {
  const md5 = createHash('md5');
  for (const { etag } of parts) md5.update(Buffer.from(etag, 'hex'));
  const crc64 = parts.reduce((sum, part) => combineCrc64(sum, part.crc64, part.size), 0n);
  return {
    size: parts.reduce((sum, part) => sum + part.size, 0),
    etag: `${md5.digest('hex')}-${parts.length}`,
    crc64: String(crc64),
  };
}

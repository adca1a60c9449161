import { decodeEtag } from './cos-error.js';
import { childrenOf, parseXml, textOf, type XmlNode } from './cos-xml.js';

/** An object of a list. */
interface ListedObject {
  /** The key. */
  readonly key: string;
  /** Number of bytes. */
  readonly size: number;
  /** The ETag without quotes. */
  readonly etag: string;
  /** The time of the last change. */
  readonly lastModified: Date;
}

/** A page of a list. */
export interface ObjectPage {
  /** The objects, in the order of COS. */
  readonly objects: readonly ListedObject[];
  /** Common prefixes up to the delimiter. */
  readonly prefixes: readonly string[];
  /** The marker of the next page; undefined after the last one. */
  readonly nextMarker: string | undefined;
}

/** An unfinished multipart upload. */
interface UnfinishedUpload {
  /** The key that the object would have. */
  readonly key: string;
  /** The ID of the upload. */
  readonly uploadId: string;
  /** The time of its start. */
  readonly initiated: Date;
}

/** A page of unfinished uploads. */
export interface UnfinishedUploadsPage {
  /** The uploads, in the order of COS. */
  readonly uploads: readonly UnfinishedUpload[];
  /** The start of the next page; undefined after the last one. */
  readonly next: { readonly keyMarker: string; readonly uploadIdMarker: string } | undefined;
}

/** The failed deletion of one key. */
interface DeleteProblem {
  /** The `<Code>` of COS. */
  readonly code: string;
  /** The message of COS. */
  readonly message: string;
}

/**
 * Reads the ID of a new multipart upload; undefined for another document.
 * @see https://cloud.tencent.com/document/product/436/7746
 */
export function decodeUploadId(text: string): string | undefined {
  const root = parseRoot(text, 'InitiateMultipartUploadResult');
  return (root && textOf(root, 'UploadId')) || undefined;
}

/**
 * Reads the ETag of a copied object, or of one that was completed from parts; undefined for another
 * document.
 * @see https://cloud.tencent.com/document/product/436/10881
 */
export function decodeResultEtag(
  text: string,
  name: 'CopyObjectResult' | 'CompleteMultipartUploadResult',
): string | undefined {
  const root = parseRoot(text, name);
  return (root && decodeEtag(textOf(root, 'ETag'))) || undefined;
}

/**
 * Reads a list of objects; undefined for another document.
 * @see https://cloud.tencent.com/document/product/436/7734
 */
export function decodeObjectPage(text: string): ObjectPage | undefined {
  const root = parseRoot(text, 'ListBucketResult');
  if (root === undefined) return undefined;
  const decode = keyDecoderOf(root);
  const objects = childrenOf(root, 'Contents').map(item => ({
    key: decode(textOf(item, 'Key')),
    size: Number(textOf(item, 'Size')),
    etag: decodeEtag(textOf(item, 'ETag')),
    lastModified: new Date(textOf(item, 'LastModified') ?? Number.NaN),
  }));
  const prefixes = childrenOf(root, 'CommonPrefixes').map(item => decode(textOf(item, 'Prefix')));
  const isWhole = objects.every(({ key, size }) => key !== '' && Number.isSafeInteger(size));
  if (!isWhole) return undefined;
  if (!isTruncated(root)) return { objects, prefixes, nextMarker: undefined };
  // Without a marker, the page ends with its last name.
  const last = [objects.at(-1)?.key ?? '', prefixes.at(-1) ?? ''].toSorted(byCodePoint).at(-1);
  const nextMarker = decode(textOf(root, 'NextMarker')) || last;
  return nextMarker === undefined || nextMarker === ''
    ? undefined
    : { objects, prefixes, nextMarker };
}

/** COS lists in the order of UTF-8. */
function byCodePoint(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}

/**
 * Reads a list of unfinished uploads; undefined for another document.
 * @see https://cloud.tencent.com/document/product/436/7736
 */
export function decodeUnfinishedUploads(text: string): UnfinishedUploadsPage | undefined {
  const root = parseRoot(text, 'ListMultipartUploadsResult');
  if (root === undefined) return undefined;
  const decode = keyDecoderOf(root);
  const uploads = childrenOf(root, 'Upload').map(item => ({
    key: decode(textOf(item, 'Key')),
    uploadId: textOf(item, 'UploadId') ?? textOf(item, 'UploadID') ?? '',
    initiated: new Date(textOf(item, 'Initiated') ?? Number.NaN),
  }));
  if (uploads.some(({ key, uploadId }) => key === '' || uploadId === '')) return undefined;
  if (!isTruncated(root)) return { uploads, next: undefined };
  const last = uploads.at(-1);
  const keyMarker = decode(textOf(root, 'NextKeyMarker')) || last?.key;
  const uploadIdMarker =
    textOf(root, 'NextUploadIdMarker') || textOf(root, 'NextUploadIDMarker') || last?.uploadId;
  if (keyMarker === undefined || uploadIdMarker === undefined) return undefined;
  return { uploads, next: { keyMarker, uploadIdMarker } };
}

/**
 * Reads the result of a deletion of several objects, by key; a key that is missing has no result.
 * @see https://cloud.tencent.com/document/product/436/8289
 */
export function decodeDeleteResult(
  text: string,
): ReadonlyMap<string, DeleteProblem | undefined> | undefined {
  const root = parseRoot(text, 'DeleteResult');
  if (root === undefined) return undefined;
  const keyOf = (item: XmlNode): string => textOf(item, 'Key') ?? '';
  const failed = childrenOf(root, 'Error').map(item => {
    const code = textOf(item, 'Code') ?? 'Unknown';
    return [keyOf(item), { code, message: textOf(item, 'Message') ?? '' }] as const;
  });
  return new Map<string, DeleteProblem | undefined>([
    ...childrenOf(root, 'Deleted').map(item => [keyOf(item), undefined] as const),
    ...failed,
  ]);
}

function parseRoot(text: string, name: string): XmlNode | undefined {
  const root = parseXml(text);
  return root?.name === name ? root : undefined;
}

function isTruncated(root: XmlNode): boolean {
  return textOf(root, 'IsTruncated')?.trim().toLowerCase() === 'true';
}

/** Keys are percent-encoded, as asked for, where the document says so. */
function keyDecoderOf(root: XmlNode): (text: string | undefined) => string {
  const type = textOf(root, 'EncodingType') ?? textOf(root, 'Encoding-type') ?? '';
  const isEncoded = type.trim().toLowerCase() === 'url';
  return (text = '') => (isEncoded ? decodeKey(text) : text);
}

function decodeKey(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // Something in between has decoded it already.
    return text;
  }
}

import { encodePath } from '../../state/cloud-paths.js';
import { CosRefusal } from '../../state/refusals.js';
import type { EmulatedResponse } from '../responses.js';
import type { CosRequest } from './cos-request.js';
import { findUpload } from './multipart.js';
import { documentOf, element, toXmlResponse } from './xml.js';

/** An entry of a list. */
interface ListEntry<T> {
  readonly key: string;
  readonly value: T;
}

/** A page of a list. */
interface ListPage<T> {
  /** The entries and the common prefixes, together at most the limit, in UTF-8 order. */
  readonly rows: readonly (ListEntry<T> | string)[];
  readonly isTruncated: boolean;
}

/** The parameters of a list. */
interface ListQuery {
  readonly prefix: string;
  readonly delimiter: string;
  readonly limit: number;
  /** Writes keys, prefixes and markers. */
  readonly encode: (text: string) => string;
  /** The elements that repeat the parameters. */
  readonly echo: readonly string[];
}

const MAX_ITEMS = 1_000;

/** Reads the parameters of a list; limits above 1000 mean 1000. */
function readQuery({ parameters }: CosRequest, limitName: string): ListQuery {
  const [prefix, delimiter] = [parameters.get('prefix') ?? '', parameters.get('delimiter') ?? ''];
  const wanted = parameters.get(limitName) ?? String(MAX_ITEMS);
  if (!/^\d{1,9}$/.test(wanted)) {
    throw new CosRefusal(
      'InvalidArgument',
      `${limitName} must be an integer from 0 to ${MAX_ITEMS}.`,
    );
  }
  const type = parameters.get('encoding-type');
  if (type !== undefined && type !== 'url') {
    throw new CosRefusal('InvalidArgument', "encoding-type must be 'url'.");
  }
  const encode = type === 'url' ? encodePath : (text: string) => text;
  const echo = [
    ...(type === undefined ? [] : [element('EncodingType', type)]),
    element('Prefix', encode(prefix)),
    ...(delimiter === '' ? [] : [element('Delimiter', encode(delimiter))]),
  ];
  return { prefix, delimiter, limit: Math.min(MAX_ITEMS, Number(wanted)), encode, echo };
}

/** Selects a page: entries after a marker that have the prefix, or what they have in common. */
function selectPage<T>(
  entries: readonly ListEntry<T>[],
  { prefix, delimiter, limit }: ListQuery,
  isAfterMarker: (row: ListEntry<T> | string) => boolean,
): ListPage<T> {
  const rows: (ListEntry<T> | string)[] = [];
  let last: string | undefined;
  for (const entry of entries) {
    if (!entry.key.startsWith(prefix)) continue;
    const end = delimiter === '' ? -1 : entry.key.indexOf(delimiter, prefix.length);
    const row = end < 0 ? entry : entry.key.slice(0, end + delimiter.length);
    if (row === last || !isAfterMarker(row)) continue;
    if (rows.length === limit) return { rows, isTruncated: limit > 0 };
    rows.push(row);
    last = typeof row === 'string' ? row : undefined;
  }
  return { rows, isTruncated: false };
}

/** Sorts entries by the UTF-8 bytes of their keys. */
function inOrder<T>(entries: Iterable<ListEntry<T>>): readonly ListEntry<T>[] {
  return [...entries]
    .map(entry => ({ entry, bytes: Buffer.from(entry.key) }))
    .toSorted((one, other) => Buffer.compare(one.bytes, other.bytes))
    .map(({ entry }) => entry);
}

function isLater(text: string, than: string): boolean {
  return Buffer.compare(Buffer.from(text), Buffer.from(than)) > 0;
}

function keyOf(row: ListEntry<unknown> | string | undefined): string {
  return typeof row === 'string' ? row : (row?.key ?? '');
}

/** Writes the rows of a page: entries by `write`, prefixes as `CommonPrefixes`. */
function writeRows<T>(
  rows: ListPage<T>['rows'],
  { encode }: ListQuery,
  write: (entry: ListEntry<T>) => string,
): readonly string[] {
  return rows.map(row =>
    typeof row === 'string'
      ? element('CommonPrefixes', [element('Prefix', encode(row))])
      : write(row),
  );
}

/**
 * Handles `GET /`. Lists at once what was stored: the real service may do so later.
 * @see https://cloud.tencent.com/document/product/436/7734
 */
export async function respondWithObjects(request: CosRequest): Promise<EmulatedResponse> {
  const { exchange, cloud, parameters } = request;
  await exchange.drain();
  const query = readQuery(request, 'max-keys');
  const marker = parameters.get('marker') ?? '';
  const all = [...cloud.store.objects].map(([key, value]) => ({ key, value }));
  const { rows, isTruncated } = selectPage(
    inOrder(all.filter(({ key }) => key.startsWith(query.prefix))),
    query,
    row => marker === '' || isLater(keyOf(row), marker),
  );
  return toXmlResponse(
    documentOf('ListBucketResult', [
      element('Name', cloud.options.bucket),
      ...query.echo,
      element('Marker', query.encode(marker)),
      element('MaxKeys', String(query.limit)),
      element('IsTruncated', String(isTruncated)),
      ...(isTruncated ? [element('NextMarker', query.encode(keyOf(rows.at(-1))))] : []),
      ...writeRows(rows, query, ({ key, value }) =>
        element('Contents', [
          element('Key', query.encode(key)),
          element('LastModified', new Date(value.lastModifiedMs).toISOString()),
          element('ETag', `"${value.etag}"`),
          element('Size', String(value.size)),
          writeOwner('Owner', request),
          element('StorageClass', value.headers?.['x-cos-storage-class'] ?? 'STANDARD'),
        ]),
      ),
    ]),
  );
}

/** Writes the account of the bucket, which owns all objects. */
function writeOwner(name: string, { cloud }: CosRequest): string {
  const account = /\d*$/.exec(cloud.options.bucket)?.[0] ?? '';
  return element(name, [element('ID', account), element('DisplayName', account)]);
}

/**
 * Handles `GET /?uploads`: multipart uploads that are neither completed nor aborted.
 * @see https://cloud.tencent.com/document/product/436/7736
 */
export async function respondWithUploads(request: CosRequest): Promise<EmulatedResponse> {
  const { exchange, cloud, parameters } = request;
  await exchange.drain();
  const query = readQuery(request, 'max-uploads');
  const keyMarker = parameters.get('key-marker') ?? '';
  const idMarker = parameters.get('upload-id-marker') ?? '';
  const all = cloud.multipartUploads.all
    .map(value => ({ key: value.description.cloudPath, value }))
    .toSorted((one, other) => (one.value.uploadId < other.value.uploadId ? -1 : 1));
  const { rows, isTruncated } = selectPage(inOrder(all), query, row => {
    if (keyMarker === '' || isLater(keyOf(row), keyMarker)) return true;
    return keyOf(row) === keyMarker && typeof row !== 'string' && idMarker !== ''
      ? row.value.uploadId > idMarker
      : false;
  });
  const last = rows.at(-1);
  const lastId = last === undefined || typeof last === 'string' ? '' : last.value.uploadId;
  return toXmlResponse(
    documentOf('ListMultipartUploadsResult', [
      element('Bucket', cloud.options.bucket),
      ...query.echo,
      element('KeyMarker', query.encode(keyMarker)),
      element('UploadIdMarker', idMarker),
      element('NextKeyMarker', isTruncated ? query.encode(keyOf(last)) : ''),
      element('NextUploadIdMarker', isTruncated ? lastId : ''),
      element('MaxUploads', String(query.limit)),
      element('IsTruncated', String(isTruncated)),
      ...writeRows(rows, query, ({ key, value }) =>
        element('Upload', [
          element('Key', query.encode(key)),
          element('UploadId', value.uploadId),
          element('StorageClass', value.description.headers?.['x-cos-storage-class'] ?? 'STANDARD'),
          writeOwner('Initiator', request),
          writeOwner('Owner', request),
          element('Initiated', new Date(value.initiatedMs).toISOString()),
        ]),
      ),
    ]),
  );
}

/**
 * Handles `GET /<key>?uploadId=`.
 * @see https://cloud.tencent.com/document/product/436/7747
 */
export async function respondWithParts(request: CosRequest): Promise<EmulatedResponse> {
  const { exchange, cloud, cloudPath, parameters } = request;
  await exchange.drain();
  const { uploadId, parts } = findUpload(request);
  const { limit, encode } = readQuery(request, 'max-parts');
  const marker = Number(parameters.get('part-number-marker') ?? 0);
  const left = [...parts].filter(([number]) => number > marker).toSorted(([a], [b]) => a - b);
  const page = left.slice(0, limit);
  const [next = 0] = page.at(-1) ?? [];
  return toXmlResponse(
    documentOf('ListPartsResult', [
      element('Bucket', cloud.options.bucket),
      ...(parameters.has('encoding-type') ? [element('Encoding-type', 'url')] : []),
      element('Key', encode(cloudPath)),
      element('UploadId', uploadId),
      writeOwner('Initiator', request),
      writeOwner('Owner', request),
      element('PartNumberMarker', String(marker)),
      element('NextPartNumberMarker', String(next)),
      element('StorageClass', 'STANDARD'),
      element('MaxParts', String(limit)),
      element('IsTruncated', String(page.length < left.length)),
      ...page.map(([number, { storedMs, etag, size }]) =>
        element('Part', [
          element('PartNumber', String(number)),
          element('LastModified', new Date(storedMs).toISOString()),
          element('ETag', `"${etag}"`),
          element('Size', String(size)),
        ]),
      ),
    ]),
  );
}

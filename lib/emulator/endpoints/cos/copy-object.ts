import { decodePath } from '../../state/cloud-paths.js';
import { type StoredObject, storeContents } from '../../state/object-store.js';
import { CosRefusal } from '../../state/refusals.js';
import type { EmulatedResponse } from '../responses.js';
import { bucketNowMs } from './bucket-headers.js';
import { assertKey, type CosRequest } from './cos-request.js';
import { bucketOfHost, isBucketName } from './cos-target.js';
import { alreadyExists, describeObject, forbidsOverwrite } from './objects.js';
import { documentOf, element, toXmlResponse } from './xml.js';

/** The header that names the source. */
export const COPY_SOURCE = 'x-cos-copy-source';

/**
 * Handles `PUT /<key>` with a source. A plain copy has the `x-cos-meta-fileid` of its source, which
 * does not fit its path: its file ID does not work.
 * @see https://cloud.tencent.com/document/product/436/10881
 */
export async function respondToCopyObject(request: CosRequest): Promise<EmulatedResponse> {
  const { exchange, cloud, cloudPath } = request;
  await exchange.drain();
  assertKey(cloudPath);
  const source = readSource(request);
  exchange.nameObjects([cloudPath, source]);
  const isReplaced = replacesMetadata(request);
  if (source === cloudPath && !isReplaced) {
    throw new CosRefusal(
      'InvalidRequest',
      'This copy request is illegal because it is trying to copy an object to itself without changing its metadata.',
    );
  }
  const content = await cloud.store.open(source);
  if (content === undefined) {
    throw new CosRefusal('NoSuchKey', 'The specified key does not exist.');
  }
  try {
    assertConditions(request, content.object);
    const description = isReplaced
      ? describeObject(request)
      : describeCopy(request, content.object);
    const { size, etag, crc64 } = content.object;
    const lastModifiedMs = bucketNowMs(cloud);
    const object = { ...description, size, etag, crc64, lastModifiedMs };
    const whole = { read: () => content.read(0, size) };
    if (!(await storeContents(cloud.store, [whole], object, forbidsOverwrite(request)))) {
      throw alreadyExists();
    }
    return toXmlResponse(
      documentOf('CopyObjectResult', [
        element('ETag', `"${etag}"`),
        ...(crc64 === undefined ? [] : [element('CRC64', crc64)]),
        element('LastModified', new Date(lastModifiedMs).toISOString()),
      ]),
    );
  } finally {
    await content.close();
  }
}

/** Reads `<host of the bucket>/<key>`, with a percent-encoded key, or `<host>/<bucket>/<key>`. */
function readSource({ exchange, cloud }: CosRequest): string {
  const [address = ''] = (exchange.header(COPY_SOURCE) ?? '').split('?');
  const [host = '', ...segments] = address.replace(/^\//, '').split('/');
  const named = bucketOfHost(host, cloud.options);
  const [first = ''] = segments;
  const bucket = named ?? (isBucketName(first, cloud.options) ? first : undefined);
  const key = decodePath((named === undefined ? segments.slice(1) : segments).join('/'));
  if (bucket === undefined || key === undefined || key === '') {
    throw new CosRefusal('InvalidArgument', 'The copy source does not name an object.');
  }
  if (bucket === cloud.options.bucket) return key;
  throw new CosRefusal('NoSuchBucket', 'The specified bucket does not exist.');
}

function replacesMetadata({ exchange }: CosRequest): boolean {
  const directive = exchange.header('x-cos-metadata-directive')?.toLowerCase() ?? 'copy';
  if (directive === 'copy') return false;
  if (directive === 'replaced') return true;
  throw new CosRefusal('InvalidArgument', 'x-cos-metadata-directive must be Copy or Replaced.');
}

function describeCopy(
  { cloud, cloudPath }: CosRequest,
  { contentType, contentEncoding, headers }: StoredObject,
): ReturnType<typeof describeObject> {
  const fileIdAlive = cloud.metaIds.isOf(cloudPath, headers?.['x-cos-meta-fileid']);
  return { cloudPath, contentType, contentEncoding, headers, fileIdAlive };
}

/** Checks the conditions that the source must meet. */
function assertConditions({ exchange }: CosRequest, source: StoredObject): void {
  const condition = (name: string): string | undefined => exchange.header(`${COPY_SOURCE}-${name}`);
  const isEtag = (tag: string): boolean => tag === '*' || tag.replaceAll('"', '') === source.etag;
  const changedMs = Math.floor(source.lastModifiedMs / 1_000) * 1_000;
  const [match, noneMatch] = [condition('if-match'), condition('if-none-match')];
  const isMet =
    (match === undefined || isEtag(match)) &&
    (noneMatch === undefined || !isEtag(noneMatch)) &&
    !(changedMs <= Date.parse(condition('if-modified-since') ?? '')) &&
    !(changedMs > Date.parse(condition('if-unmodified-since') ?? ''));
  if (isMet) return;
  throw new CosRefusal('PreconditionFailed', 'The condition of the copy is not met.');
}

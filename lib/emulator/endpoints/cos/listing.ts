import { encodePath } from '../../state/cloud-paths.js';
import { CosRefusal } from '../../state/refusals.js';
import type { EmulatedResponse } from '../responses.js';
import type { CosRequest } from './cos-request.js';
import { findUpload, toXmlResponse } from './multipart.js';
import { documentOf, element } from './xml.js';

const MAX_ITEMS = 1_000;

/** Reads a parameter that limits the number of items; larger values than 1000 mean 1000. */
function readLimit({ parameters }: CosRequest, name: string): number {
  const value = parameters.get(name) ?? String(MAX_ITEMS);
  if (/^\d{1,9}$/.test(value)) return Math.min(MAX_ITEMS, Number(value));
  throw new CosRefusal('InvalidArgument', `${name} must be an integer from 0 to ${MAX_ITEMS}.`);
}

/**
 * Returns the function that writes keys, prefixes and markers: percent-encoded with the parameter
 * `encoding-type=url`, which XML requires for some characters.
 */
function encoderOf({ parameters }: CosRequest): (text: string) => string {
  const type = parameters.get('encoding-type');
  if (type === undefined) return text => text;
  if (type === 'url') return encodePath;
  throw new CosRefusal('InvalidArgument', "encoding-type must be 'url'.");
}

/**
 * Handles `GET /<key>?uploadId=`.
 * @see https://cloud.tencent.com/document/product/436/7747
 */
export async function respondWithParts(request: CosRequest): Promise<EmulatedResponse> {
  const { exchange, cloud, cloudPath, parameters } = request;
  await exchange.drain();
  const encode = encoderOf(request);
  const { uploadId, parts } = findUpload(request);
  const limit = readLimit(request, 'max-parts');
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

import { createHash } from 'node:crypto';
import { Crc64 } from '../../state/crc64.js';
import type { IncomingObject } from '../../state/object-store.js';
import { CosRefusal } from '../../state/refusals.js';
import { assertDigest } from '../content-digest.js';
import type { CosRequest } from './cos-request.js';

/** The body of a request that has been received whole and checked. */
export interface ReceivedContent {
  /** The bytes; the caller commits or discards them. */
  readonly incoming: IncomingObject;
  /** Their number. */
  readonly size: number;
  /** Their MD5 in hex, or another value in a bucket with encryption. */
  readonly etag: string;
  /** Their CRC-64. */
  readonly crc64: bigint;
}

/** The limit for a single request. */
const MAX_BYTES = 5 * 1_024 ** 3;

/**
 * Receives the body of a request. A body that breaks off leaves nothing.
 * @throws {@link CosRefusal} MissingContentLength, EntityTooLarge, BadDigest or InvalidDigest
 */
export async function receiveContent({ exchange, cloud }: CosRequest): Promise<ReceivedContent> {
  const length = exchange.header('content-length');
  if (length === undefined && exchange.header('transfer-encoding') === undefined) {
    throw new CosRefusal(
      'MissingContentLength',
      'You must provide the Content-Length HTTP header.',
    );
  }
  if (Number(length ?? 0) > MAX_BYTES) throw tooLarge();
  const incoming = await cloud.store.create();
  try {
    const md5 = createHash('md5');
    const crc64 = new Crc64();
    for await (const chunk of exchange.body()) {
      md5.update(chunk);
      crc64.update(chunk);
      await incoming.write(chunk);
      if (exchange.requestBytes > MAX_BYTES) throw tooLarge();
    }
    const digest = md5.digest();
    assertDigest(exchange.header('content-md5'), digest);
    const size = exchange.requestBytes;
    const etag = cloud.options.cos.encrypted ? createHash('md5').update(digest).digest() : digest;
    return { incoming, size, etag: etag.toString('hex'), crc64: crc64.digest() };
  } catch (error) {
    await incoming.discard();
    throw error;
  }
}

function tooLarge(): CosRefusal {
  return new CosRefusal('EntityTooLarge', 'Your proposed upload exceeds the maximum object size.');
}

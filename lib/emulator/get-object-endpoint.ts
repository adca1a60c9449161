import { cosHeaders, emptyAnswer, type Answer } from './answer.js';
import type { EmulatedCloud } from './emulated-cloud.js';
import type { Exchange } from './exchange.js';
import { readRange, type ByteRange } from './object-range.js';
import type { StoredObject } from './object-store.js';
import type { ObjectCall } from './post-object-endpoint.js';
import { CosRefusal } from './refusals.js';

/** `GET` and `HEAD` of a signed link. */
export async function answerGetObject({
  exchange,
  cloud,
  cloudPath,
  effect,
}: ObjectCall): Promise<Answer> {
  await exchange.drain();
  assertLink(exchange, cloud, cloudPath);
  const content = await cloud.store.open(cloudPath);
  if (content === undefined) {
    throw new CosRefusal('NoSuchKey', 'The specified key does not exist.');
  }
  const release = (): Promise<void> => content.close();
  try {
    const wanted = effect?.kind === 'ignore-range' ? undefined : exchange.header('range');
    const { head, range } = describe(exchange, content.object, wanted);
    const body = range === undefined ? head.body : content.read(range.start, range.end);
    return { ...head, body, release };
  } catch (error) {
    await release();
    throw error;
  }
}

function assertLink(
  exchange: Exchange,
  cloud: EmulatedCloud,
  cloudPath: string | undefined,
): asserts cloudPath is string {
  if (cloudPath === undefined) {
    throw new CosRefusal('InvalidURI', 'Could not parse the specified URI.');
  }
  const state = cloud.downloadLinks.check(cloudPath, exchange.query);
  if (state === 'wrong') throw new CosRefusal('AccessDenied', 'Access Denied.');
  if (state === 'expired') throw new CosRefusal('AccessDenied', 'Request has expired');
}

interface Description {
  readonly head: Answer;
  /** The part of the object that is the body; undefined for an answer without one. */
  readonly range?: ByteRange;
}

function describe(
  exchange: Exchange,
  object: StoredObject,
  wanted: string | undefined,
): Description {
  const etag = `"${object.etag}"`;
  const lastModified = new Date(object.lastModifiedMs).toUTCString();
  const headers = {
    ...cosHeaders(),
    ETag: etag,
    'Last-Modified': lastModified,
    'Accept-Ranges': 'bytes',
  };
  if (matchesAny(exchange.header('if-none-match'), etag))
    return { head: emptyAnswer(304, headers) };
  const condition = exchange.header('if-range');
  const isCurrent = condition === undefined || condition === etag || condition === lastModified;
  const range = isCurrent ? readRange(wanted, object.size) : undefined;
  if (range === null) {
    throw new CosRefusal('InvalidRange', 'The requested range is not satisfiable', {
      'Content-Range': `bytes */${object.size}`,
    });
  }
  const { start, end } = range ?? { start: 0, end: object.size };
  const partly =
    range === undefined ? {} : { 'Content-Range': `bytes ${start}-${end - 1}/${object.size}` };
  const head = emptyAnswer(range === undefined ? 200 : 206, {
    ...headers,
    ...partly,
    'Content-Type': object.contentType,
    ...(object.contentEncoding === undefined ? {} : { 'Content-Encoding': object.contentEncoding }),
    'Content-Length': String(end - start),
  });
  return { head, range: { start, end } };
}

function matchesAny(header: string | undefined, etag: string): boolean {
  const tags = (header ?? '').split(',').map(tag => tag.trim().replace(/^W\//, ''));
  return tags.includes(etag) || tags.includes('*');
}

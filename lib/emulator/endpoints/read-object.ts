import type { EmulatedCloud } from '../state/emulated-cloud.js';
import type { WxCloudEmulatorFaultEffect } from '../state/fault-effects.js';
import type { StoredObject } from '../state/object-store.js';
import { CosRefusal } from '../state/refusals.js';
import type { Exchange } from './exchange.js';
import { type EmulatedResponse, cosHeaders, emptyResponse } from './responses.js';

/** The circumstances of a download. */
interface ReadingOptions {
  /** The effect of the fault that is due. */
  readonly effect: WxCloudEmulatorFaultEffect | undefined;
  /** Headers that replace those of the object, by lower-case name. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A range of bytes: `end` is exclusive. */
interface ObjectRange {
  /** The first byte. */
  readonly start: number;
  /** The byte after the last one. */
  readonly end: number;
}

/**
 * Reads a `Range` header for an object of `size` bytes. Returns undefined for the whole object,
 * also for several ranges, other units and invalid values, and null for an unsatisfiable range.
 */
function readRange(header: string | undefined, size: number): ObjectRange | undefined | null {
  const [, from = '', to = ''] = /^bytes=(\d*)-(\d*)$/.exec((header ?? '').trim()) ?? [];
  if (from === '' && to === '') return undefined;
  if (from === '')
    return Number(to) === 0 || size === 0
      ? null
      : { start: Math.max(0, size - Number(to)), end: size };
  if (to !== '' && Number(to) < Number(from)) return undefined;
  if (Number(from) >= size) return null;
  return { start: Number(from), end: to === '' ? size : Math.min(size, Number(to) + 1) };
}

/**
 * Responds with an object, or a range of it, if the conditions of the request permit.
 * @throws {@link CosRefusal} NoSuchKey, PreconditionFailed or InvalidRange
 */
export async function readObject(
  exchange: Exchange,
  cloud: EmulatedCloud,
  cloudPath: string,
  { effect, headers = {} }: ReadingOptions,
): Promise<EmulatedResponse> {
  const content = await cloud.store.open(cloudPath);
  if (content === undefined) {
    throw new CosRefusal('NoSuchKey', 'The specified key does not exist.');
  }
  const release = (): Promise<void> => content.close();
  try {
    const wanted = effect?.kind === 'ignore-range' ? undefined : exchange.header('range');
    const { head, range } = describe(exchange, content.object, wanted, headers);
    const body = range === undefined ? head.body : content.read(range.start, range.end);
    return { ...head, body, release };
  } catch (error) {
    await release();
    throw error;
  }
}

/** Returns the response without its body, and the range that is the body, if there is one. */
function describe(
  exchange: Exchange,
  object: StoredObject,
  wanted: string | undefined,
  replaced: Readonly<Record<string, string>>,
): { readonly head: EmulatedResponse; readonly range?: ObjectRange } {
  const general = describeVersion(object);
  if (isUnchanged(exchange, object)) return { head: emptyResponse(304, general) };
  const condition = exchange.header('if-range');
  const isCurrent =
    condition === undefined ||
    condition === general['ETag'] ||
    condition === general['Last-Modified'];
  const range = isCurrent ? readRange(wanted, object.size) : undefined;
  if (range === null) {
    throw new CosRefusal('InvalidRange', 'The requested range is not satisfiable', {
      'Content-Range': `bytes */${object.size}`,
    });
  }
  const { start, end } = range ?? { start: 0, end: object.size };
  const partly =
    range === undefined ? {} : { 'Content-Range': `bytes ${start}-${end - 1}/${object.size}` };
  const head = emptyResponse(range === undefined ? 200 : 206, {
    ...general,
    ...partly,
    ...object.headers,
    'content-type': object.contentType,
    ...(object.contentEncoding === undefined ? {} : { 'content-encoding': object.contentEncoding }),
    ...replaced,
    'Content-Length': String(end - start),
  });
  return { head, range: { start, end } };
}

function describeVersion(object: StoredObject): Record<string, string> {
  return {
    ...cosHeaders(),
    ETag: `"${object.etag}"`,
    'Last-Modified': new Date(object.lastModifiedMs).toUTCString(),
    'Accept-Ranges': 'bytes',
    ...(object.crc64 === undefined ? {} : { 'x-cos-hash-crc64ecma': object.crc64 }),
  };
}

/**
 * Checks the conditions of a request. Returns true if the client has the current object.
 * @throws {@link CosRefusal} PreconditionFailed
 */
function isUnchanged(exchange: Exchange, { etag, lastModifiedMs }: StoredObject): boolean {
  const match = exchange.header('if-match');
  const isWanted =
    match === undefined
      ? !isLater(lastModifiedMs, exchange.header('if-unmodified-since'))
      : matchesAny(match, `"${etag}"`);
  if (!isWanted) {
    throw new CosRefusal('PreconditionFailed', 'The condition of the request is not met.');
  }
  const noneMatch = exchange.header('if-none-match');
  if (noneMatch !== undefined) return matchesAny(noneMatch, `"${etag}"`);
  const since = Date.parse(exchange.header('if-modified-since') ?? '');
  return !Number.isNaN(since) && !isLater(lastModifiedMs, exchange.header('if-modified-since'));
}

/** Returns true if a time is later than a date of a header, by whole seconds. */
function isLater(timeMs: number, date: string | undefined): boolean {
  return Math.floor(timeMs / 1_000) * 1_000 > Date.parse(date ?? '');
}

function matchesAny(header: string, etag: string): boolean {
  const tags = header.split(',').map(tag => tag.trim().replace(/^W\//, ''));
  return tags.includes(etag) || tags.includes('*');
}

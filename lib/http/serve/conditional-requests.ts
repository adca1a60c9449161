import type { IncomingHttpHeaders } from 'node:http';
import type { WxCloudByteRange } from '../../storage/call-options.js';
import type { WxCloudFileStat } from '../../storage/read-object.js';

const CONDITIONS = [
  'if-match',
  'if-none-match',
  'if-modified-since',
  'if-unmodified-since',
  'if-range',
] as const;

/** The range of a `Range` header. */
export type WantedRange = WxCloudByteRange | { readonly lastBytes: number };

/**
 * Parses a `Range` header with one range. Returns undefined without a header, and where the whole
 * file may be sent instead: several ranges, other units, invalid syntax.
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-14.2
 */
export function parseRange(header: string | undefined): WantedRange | undefined {
  const [, from = '', to = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/i.exec((header ?? '').trim()) ?? [];
  if (from === '') return to === '' ? undefined : { lastBytes: Number(to) };
  if (to === '') return { start: Number(from) };
  return Number(to) < Number(from) ? undefined : { start: Number(from), end: Number(to) };
}

/** Resolves a range within a file of known size; undefined when it is unsatisfiable. */
export function resolveRange(range: WantedRange, size: number): WxCloudByteRange | undefined {
  if (!('lastBytes' in range)) {
    const { start = 0, end } = range;
    if (start >= size) return undefined;
    return end === undefined ? { start } : { start, end: Math.min(end, size - 1) };
  }
  if (range.lastBytes === 0 || size === 0) return undefined;
  return { start: Math.max(0, size - range.lastBytes) };
}

/** The properties that identify a state of a file. */
type FileState = Pick<WxCloudFileStat, 'etag' | 'lastModified'>;

/** True when the response depends on the file's state, which must be fetched first. */
export function hasConditions(headers: IncomingHttpHeaders): boolean {
  return CONDITIONS.some(name => headers[name] !== undefined);
}

/**
 * Evaluates the conditions of a GET or HEAD: 412 or 304 when one is not met, undefined when the
 * file is to be sent.
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-13.2.2
 */
export function evaluateConditions(
  headers: IncomingHttpHeaders,
  state: FileState,
): 304 | 412 | undefined {
  const { 'if-match': match, 'if-none-match': noneMatch } = headers;
  if (match !== undefined) {
    if (!listsEtag(match, state)) return 412;
  } else if (isNewer(state, headers['if-unmodified-since']) === true) return 412;
  if (noneMatch !== undefined) return listsEtag(noneMatch, state) ? 304 : undefined;
  return isNewer(state, headers['if-modified-since']) === false ? 304 : undefined;
}

/** True when `Range` applies: without `If-Range`, or when that matches the file. */
export function isRangeCurrent(headers: IncomingHttpHeaders, state: FileState): boolean {
  const condition = headers['if-range'];
  if (typeof condition !== 'string') return true;
  if (condition.includes('"')) return state.etag !== '' && condition.trim() === quote(state.etag);
  return Date.parse(condition) === state.lastModified?.getTime();
}

/** Quotes an ETag for a header. */
export function quote(etag: string): string {
  return `"${etag}"`;
}

function listsEtag(header: string, { etag }: FileState): boolean {
  const tags = header.split(',').map(tag => tag.trim().replace(/^W\//, ''));
  return tags.includes('*') || (etag !== '' && tags.includes(quote(etag)));
}

/** Compares the dates; undefined when either is missing or invalid. */
function isNewer({ lastModified }: FileState, header: string | undefined): boolean | undefined {
  const sinceMs = Date.parse(header ?? '');
  if (lastModified === undefined || Number.isNaN(sinceMs)) return undefined;
  return lastModified.getTime() > sinceMs;
}

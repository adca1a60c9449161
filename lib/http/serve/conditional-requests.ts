import type { IncomingHttpHeaders } from 'node:http';
import type { WxCloudByteRange } from '../../storage/call-options.js';
import type { WxCloudFileStat } from '../../storage/read-object.js';

/** What a `Range` header asks for. */
export type WantedRange = WxCloudByteRange | { readonly lastBytes: number };

/**
 * Reads a `Range` header with one range; undefined for none, and for all that may be answered with
 * the whole file: several ranges, other units, nonsense.
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-14.2
 */
export function parseRange(header: string | undefined): WantedRange | undefined {
  const [, from = '', to = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/i.exec((header ?? '').trim()) ?? [];
  if (from === '') return to === '' ? undefined : { lastBytes: Number(to) };
  if (to === '') return { start: Number(from) };
  return Number(to) < Number(from) ? undefined : { start: Number(from), end: Number(to) };
}

/** The range in a file of known size; undefined when nothing of it is there. */
export function resolveRange(range: WantedRange, size: number): WxCloudByteRange | undefined {
  if (!('lastBytes' in range)) {
    const { start = 0, end } = range;
    if (start >= size) return undefined;
    return end === undefined ? { start } : { start, end: Math.min(end, size - 1) };
  }
  if (range.lastBytes === 0 || size === 0) return undefined;
  return { start: Math.max(0, size - range.lastBytes) };
}

/** What tells a file's states apart. */
type FileState = Pick<WxCloudFileStat, 'etag' | 'lastModified'>;

const CONDITIONS = [
  'if-match',
  'if-none-match',
  'if-modified-since',
  'if-unmodified-since',
  'if-range',
] as const;

/** True when an answer depends on the file's state, so that it has to be known first. */
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

/**
 * True when a `Range` counts: without `If-Range`, or when the file is still the one that it names.
 */
export function isRangeCurrent(headers: IncomingHttpHeaders, state: FileState): boolean {
  const condition = headers['if-range'];
  if (typeof condition !== 'string') return true;
  if (condition.includes('"')) return state.etag !== '' && condition.trim() === quote(state.etag);
  return Date.parse(condition) === state.lastModified?.getTime();
}

/** An ETag as a header has it. */
export function quote(etag: string): string {
  return `"${etag}"`;
}

function listsEtag(header: string, { etag }: FileState): boolean {
  const tags = header.split(',').map(tag => tag.trim().replace(/^W\//, ''));
  return tags.includes('*') || (etag !== '' && tags.includes(quote(etag)));
}

/** Undefined when either of them has no date that can be read. */
function isNewer({ lastModified }: FileState, header: string | undefined): boolean | undefined {
  const sinceMs = Date.parse(header ?? '');
  if (lastModified === undefined || Number.isNaN(sinceMs)) return undefined;
  return lastModified.getTime() > sinceMs;
}

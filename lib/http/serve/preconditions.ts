import type { IncomingHttpHeaders } from 'node:http';
import type { CloudFileStat } from '../../storage/index.js';

/** What tells a file's states apart. */
export type FileState = Pick<CloudFileStat, 'etag' | 'lastModified'>;

const CONDITIONS = [
  'if-match',
  'if-none-match',
  'if-modified-since',
  'if-unmodified-since',
  'if-range',
] as const;

/** Whether an answer depends on the file's state, so that it has to be known first. */
export function hasConditions(headers: IncomingHttpHeaders): boolean {
  return CONDITIONS.some(name => headers[name] !== undefined);
}

/**
 * Evaluates the conditions of a GET or HEAD: 412 or 304 when one is not met, undefined when the file is to be sent.
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

/** Whether a `Range` counts: without `If-Range`, or when the file is still the one that it names. */
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

import type { ByteRange } from '../../storage/index.js';

/** What a `Range` header asks for. */
export type WantedRange = ByteRange | { readonly lastBytes: number };

/**
 * Reads a `Range` header with one range; undefined for none, and for all that may be answered with the whole file: several
 * ranges, other units, nonsense.
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-14.2
 */
export function parseRange(header: string | undefined): WantedRange | undefined {
  const [, from = '', to = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/i.exec((header ?? '').trim()) ?? [];
  if (from === '') return to === '' ? undefined : { lastBytes: Number(to) };
  if (to === '') return { start: Number(from) };
  return Number(to) < Number(from) ? undefined : { start: Number(from), end: Number(to) };
}

/** The range in a file of known size; undefined when nothing of it is there. */
export function resolveRange(range: WantedRange, size: number): ByteRange | undefined {
  if (!('lastBytes' in range)) {
    const { start = 0, end } = range;
    if (start >= size) return undefined;
    return end === undefined ? { start } : { start, end: Math.min(end, size - 1) };
  }
  if (range.lastBytes === 0 || size === 0) return undefined;
  return { start: Math.max(0, size - range.lastBytes) };
}

import { parseMediaType } from './media-type.js';

/** What the first bytes of a file show. */
export interface DetectedType {
  /** The media type, e.g. `image/png`. */
  readonly contentType: string;
  /** The usual extension, without the dot. */
  readonly extension: string;
}

/** What an object is stored as when nothing better is known. */
export const UNKNOWN_CONTENT_TYPE = 'application/octet-stream';

type Detector = typeof import('file-type').fileTypeFromBuffer;

let detector: Detector | undefined;

/** Loads the detector, which takes half as long as to load this whole package and is not needed while an application starts. */
export async function loadDetector(): Promise<Detector> {
  detector ??= (await import('file-type')).fileTypeFromBuffer;
  return detector;
}

/** Finds the type that the first bytes show; undefined when they show none, as with any text format. */
export async function detectContentType(head: Uint8Array): Promise<DetectedType | undefined> {
  const detect = detector ?? (await loadDetector());
  // A hostile file may make a parser inside the detector fail: such a file has no recognisable type.
  const found = await detect(head).catch(() => undefined);
  return found === undefined ? undefined : { contentType: found.mime, extension: found.ext };
}

/**
 * True when a media type is among accepted ones: exact, with a wildcard (`image/*`), or `*` for
 * any. Parameters are ignored; a text that is not one media type is never accepted.
 */
export function isAcceptedType(
  contentType: string | undefined,
  accepted: readonly string[],
): boolean {
  const type = parseMediaType(contentType?.trim() ?? '')?.essence;
  if (type === undefined) return false;
  return accepted.some(pattern => {
    const wanted = withoutParameters(pattern);
    if (wanted === '*/*' || wanted === '*') return true;
    return wanted.endsWith('/*') ? type.startsWith(wanted.slice(0, -1)) : type === wanted;
  });
}

function withoutParameters(contentType: string): string {
  return (contentType.split(';', 1)[0] ?? '').trim().toLowerCase();
}

import {
  formatMediaType,
  type MediaType,
  parseMediaType,
  UNKNOWN_CONTENT_TYPE,
} from './content-type.js';

const RASTER_IMAGES: ReadonlySet<string> = new Set(
  (
    'png apng x-png jpeg jpg pjpeg gif webp avif heic heif heic-sequence heif-sequence jxl bmp x-ms-bmp ' +
    'tiff x-icon vnd.microsoft.icon'
  )
    .split(' ')
    .map(subtype => `image/${subtype}`),
);

/** XML of any kind may hold XHTML, and so scripts; browsers treat every `+xml` type as XML. */
const XML = /(?:^|[/+.-])(?:xml|xsl|xslt|svg|mathml)$/;
const ACTIVE = [
  /^(?:multipart|message)\//,
  /html|(?:java|ecma|j|live|vb|action)script|scriptlet/,
  /(?:^|[/+.-])(?:css|wasm|hta|xml-dtd|component|cache-manifest|mimearchive)$/,
  /(?:^|[/+.-])(?:shockwave-flash|java-\w+|signed-exchange|webbundle)$/,
];

const CHARSETS: ReadonlySet<string> = new Set(['utf-8', 'gbk', 'gb18030', 'big5']);

const CONTAINERS: ReadonlySet<string> = new Set(
  'zip x-cfb ogg gzip xml'.split(' ').map(subtype => `application/${subtype}`),
);

/** Synonyms of media types. */
const SAME: Readonly<Record<string, string>> = {
  'image/jpg': 'image/jpeg',
  'image/pjpeg': 'image/jpeg',
  'image/x-png': 'image/png',
  'image/apng': 'image/png',
  'image/x-ms-bmp': 'image/bmp',
  'image/vnd.microsoft.icon': 'image/x-icon',
  'image/heic': 'image/heif',
  'image/heic-sequence': 'image/heif',
  'image/heif-sequence': 'image/heif',
  'application/x-gzip': 'application/gzip',
  'application/x-zip-compressed': 'application/zip',
  'text/xml': 'application/xml',
};

/**
 * Decides how a stored type may be sent to a browser. Of its kinds, `shown` has no effect in the
 * origin of the application. `passive` runs nowhere, but a browser may not know it. `active` may
 * run scripts or style pages. `unreadable` is not a media type. The returned `contentType` is in
 * canonical form, never the stored text itself.
 */
export function toServedType(storedType: string): {
  readonly kind: 'shown' | 'passive' | 'active' | 'unreadable';
  readonly contentType: string;
} {
  const mediaType = parseMediaType(storedType);
  if (mediaType === undefined) return { kind: 'unreadable', contentType: UNKNOWN_CONTENT_TYPE };
  return { kind: kindOf(mediaType.essence), contentType: rebuild(mediaType) };
}

/**
 * True when the stored type of a file fits the type of its content, as far as both are known. A
 * client that posts straight to the storage may change the form field `Content-Type`. The content
 * has to confirm a type that may run scripts. A container (ZIP, OLE, Ogg, MP4, XML) fits any type
 * that is stored in it.
 */
export function fitsContent(storedType: string, detectedType: string | undefined): boolean {
  const { kind } = toServedType(storedType);
  if (kind === 'unreadable') return false;
  const stored = nameOf(storedType);
  if (stored === UNKNOWN_CONTENT_TYPE) return true;
  if (detectedType === undefined) return kind !== 'active';
  const detected = nameOf(detectedType);
  if (stored === detected) return true;
  if (kind === 'active') return detected === 'application/xml' && XML.test(stored);
  if (isSound(stored) && isSound(detected)) return true;
  return kind === 'passive' && CONTAINERS.has(detected);
}

function nameOf(contentType: string): string {
  const essence = parseMediaType(contentType)?.essence ?? '';
  return SAME[essence] ?? essence;
}

/** Audio and video share containers, and each format has several names. */
function isSound(essence: string): boolean {
  return /^(?:audio|video)\//.test(essence) || essence === 'application/ogg';
}

function kindOf(essence: string): 'shown' | 'passive' | 'active' {
  if (XML.test(essence) || ACTIVE.some(pattern => pattern.test(essence))) return 'active';
  const isShown =
    RASTER_IMAGES.has(essence) ||
    /^(?:audio|video)\/[\w.-]+$/.test(essence) ||
    essence === 'application/pdf' ||
    essence === 'text/plain';
  return isShown ? 'shown' : 'passive';
}

/** Keeps only a character set that cannot hide markup. */
function rebuild({ essence, parameters }: MediaType): string {
  const given = parameters.get('charset')?.toLowerCase() ?? '';
  if (CHARSETS.has(given) && !/^(?:image\/(?!svg)|audio|video)/.test(essence)) {
    return formatMediaType({ essence, parameters: new Map([['charset', given]]) });
  }
  return essence === 'text/plain' ? 'text/plain; charset=utf-8' : essence;
}

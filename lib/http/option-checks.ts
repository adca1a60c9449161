import { quoteText } from '../errors/client-text.js';
import { OptionsInvalidError } from '../errors/errors.js';
import { findClosest, readBoolean } from '../options/validation.js';

/** Remedies, each with the option names that it applies to, separated by spaces. */
type Advice = Readonly<Record<string, string>>;

const WITHOUT_REPLACEMENT =
  'contentencoding contentdisposition cachecontrol metadata acl serversideencryption storageclass ssekmskeyid highwatermark filehwm streamhandler';

/** Options of multer, multer-s3 and Nest's file pipes, and likely guesses. */
const OF_UPLOADS: Advice = {
  "Use contentTypes, e.g. contentTypes: ['image/*'], which checks the content; for text formats use detectContentType.":
    'filefilter filter accept accepts accepted contenttype mime mimetype mimetypes type types filetype filetypes allowedtypes allowedmimetypes allowedcontenttypes allowedmime extensions allowedextensions validators',
  'Use limits.fileSize, in bytes.':
    'limit maxsize maxfilesize filesize sizelimit filesizelimit maxbytes',
  'Use limits.files, or the maxCount of a field.': 'files maxfiles maxcount filecount',
  'Use a limit of the same name in limits.':
    'fieldsize textbytes fieldnamesize fields parts headerpairs fieldnestingdepth fieldarrayindexlimit',
  "Use path, e.g. path: 'photos/' for a folder.":
    'dest destination dir directory folder prefix keyprefix uploaddir cloudpath root',
  'Use path with a function, e.g. path: file => `photos/${file.uuid}.${file.extension}`.':
    'filename key name rename keygenerator pathfactory',
  'Leave it out: originalname never has folders.': 'preservepath',
  'Leave it out: names are read as UTF-8.': 'defparamcharset defcharset',
  'Use required, e.g. required: false.':
    'optional isrequired fileisrequired mandatory allowempty skipmissingfiles',
  'Use storage, with the name of an instance.': 'instance engine disk client s3 storagename',
  'Leave it out: the module has the option bucket.': 'bucket',
  'Leave it out: there is no replacement.': WITHOUT_REPLACEMENT,
  'Use WxCloudFilesInterceptor or WxCloudFileFieldsInterceptor for several files.':
    'multiple many array multi',
  'Use keepExtension.': 'extension keepextensions preserveextension',
  'Use progressId.': 'progress uploadid onprogress',
  'Use declaredSize.': 'size contentlength',
};

const OF_LIMITS: Advice = {
  'Use limits.fileSize, in bytes.': 'size maxsize maxfilesize limit bytes maxbytes',
  'Use limits.files.': 'maxfiles filecount count maxcount',
  'Use limits.fields.': 'maxfields fieldcount',
  'Use limits.textBytes.': 'maxfieldssize fieldssize total textsize jsonfieldssize',
};

const OF_REPLIES: Advice = {
  "Use path, e.g. path: 'processed/' for a folder.":
    'dest destination dir directory folder prefix cloudpath',
  'Use path with a function, e.g. path: file => `reports/${file.uuid}.pdf`.':
    'key name pathfactory',
  'Return it from the handler: { body, fileName, contentType }.': 'contenttype type filename',
  'Use whenOverBytes.': 'limit maxsize minsize threshold minbytes whenover',
  'Use url: { maxAgeSeconds }.': 'maxage maxageseconds expires expiresin expiresinseconds',
  'Use storage, with the name of an instance.': 'instance engine disk client',
};

const OF_PIPES: Advice = {
  "Use prefixes, e.g. prefixes: ['photos/'].": 'path paths folder folders dir directory below',
  'Use optional: true.': 'required nullable allowempty',
  'Use many: true.': 'array list multiple isarray items each',
  'Use storage, with the name of an instance.': 'instance env bucket disk',
};

/** Remedies for unknown options of an upload interceptor or the engine. */
export const REPLACED_UPLOAD_OPTIONS = byName(OF_UPLOADS);
/** Remedies for unknown members of `limits`. */
export const REPLACED_LIMITS = byName(OF_LIMITS);
/** Remedies for unknown options of `WxCloudReplyInterceptor`. */
export const REPLACED_REPLY_OPTIONS = byName(OF_REPLIES);
/** Remedies for unknown options of the pipes for file IDs. */
export const REPLACED_PIPE_OPTIONS = byName(OF_PIPES);

const TOKEN = '[a-z\\d][\\w!#$&^.+-]*';
const PATTERN = new RegExp(`^(?:\\*|\\*/\\*|${TOKEN}/\\*|${TOKEN}/${TOKEN})$`);
/**
 * The registered top-level media types.
 * @see https://www.iana.org/assignments/media-types/
 */
const TOP_LEVEL_TYPES = [
  'application',
  'audio',
  'font',
  'image',
  'message',
  'model',
  'multipart',
  'text',
  'video',
];
/** Media types that detection never returns, with those that it returns instead. */
const OTHER_NAMES: ReadonlyMap<string, string> = new Map([
  ['image/jpg', 'image/jpeg'],
  ['audio/mp3', 'audio/mpeg'],
  ['application/x-zip-compressed', 'application/zip'],
]);
/** Media types for extensions that users write by mistake. */
const TYPES: ReadonlyMap<string, string> = new Map([
  ['jpg', 'image/jpeg'],
  ['jpeg', 'image/jpeg'],
  ['svg', 'image/svg+xml'],
  ['mp3', 'audio/mpeg'],
  ['mp4', 'video/mp4'],
  ['mov', 'video/quicktime'],
  ['pdf', 'application/pdf'],
  ['zip', 'application/zip'],
  ['json', 'application/json'],
  ['txt', 'text/plain'],
  ['csv', 'text/csv'],
]);

/**
 * Checks an optional boolean.
 * @throws {@link OptionsInvalidError} for any other value
 */
export function assertBoolean(option: string, value: unknown): void {
  if (value !== undefined) readBoolean(option, value);
}

function byName(advice: Advice): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(advice).flatMap(([sentence, names]) =>
      names.split(' ').map((name): [string, string] => [name, sentence]),
    ),
  );
}

/**
 * Checks the accepted types: each must be a media type or a pattern, as anything else matches no
 * file. With `hasDetector` the application names types itself, in any spelling.
 * @throws {@link OptionsInvalidError}
 */
export function assertContentTypes(value: unknown, hasDetector: boolean): void {
  if (value === undefined) return;
  if (!Array.isArray(value)) {
    const isText = typeof value === 'string';
    throw wrong('a list', `Write e.g. contentTypes: ['${isText ? suggest(value) : 'image/*'}'].`);
  }
  if (value.length === 0) {
    throw wrong(
      'a non-empty list, as an empty one rejects every file',
      'Leave it out to accept any type.',
    );
  }
  for (const item of value as readonly unknown[]) assertPattern(item, hasDetector);
}

function assertPattern(item: unknown, hasDetector: boolean): void {
  if (typeof item !== 'string') {
    throw wrong(
      'a list of strings',
      "Write media types or patterns, e.g. ['image/*', 'application/pdf'].",
    );
  }
  const suggestion = findProblem(essenceOf(item), hasDetector);
  if (suggestion === undefined) return;
  throw wrong(
    `a list of media types or patterns; ${quoteText(item)} matches no file`,
    `Write ${quoteText(suggestion)}.`,
  );
}

/** Returns the correction of a pattern that matches nothing; undefined for one that may match. */
function findProblem(pattern: string, hasDetector: boolean): string | undefined {
  if (!PATTERN.test(pattern)) return suggest(pattern);
  if (hasDetector || pattern.startsWith('*')) return undefined;
  const [type = '', subtype = ''] = pattern.split('/');
  const meant = TOP_LEVEL_TYPES.includes(type) ? undefined : findClosest(type, TOP_LEVEL_TYPES);
  return OTHER_NAMES.get(pattern) ?? (meant && `${meant}/${subtype}`);
}

function suggest(text: string): string {
  const essence = essenceOf(text);
  if (PATTERN.test(essence)) return essence;
  const name = essence.replace(/^\*?\.|\/$/g, '');
  if (TOP_LEVEL_TYPES.includes(name)) return `${name}/*`;
  return (
    TYPES.get(name) ??
    (/^(?:png|gif|webp|bmp|avif|heic)$/.test(name) ? `image/${name}` : 'image/png')
  );
}

function essenceOf(pattern: string): string {
  return (pattern.split(';', 1)[0] ?? '').trim().toLowerCase();
}

function wrong(expected: string, remedy: string): OptionsInvalidError {
  return new OptionsInvalidError({ option: 'contentTypes', expected, remedy });
}

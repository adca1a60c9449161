import { FileTooLargeError, OptionsInvalidError } from '../../errors/errors.js';
import type { FormLimits } from '../../multipart/form-budget.js';
import { readMembers } from '../../options/validation.js';
import type { WxCloudHttpRequest } from '../request-origin.js';
import { REPLACED_LIMITS } from '../option-checks.js';
import type { WxCloudStorageOption } from '../storage-option.js';

/** The facts about a file when its path is chosen, before any of it is stored. */
export interface WxCloudIncomingFile {
  /**
   * A random ID that is generated for this file. A path that contains it is unique, so the object
   * is deleted when the request fails.
   */
  readonly uuid: string;
  /** The name of the form field. */
  readonly fieldname: string;
  /**
   * The client's name for the file, without folders, control characters and marks that change the
   * direction of text, at most 255 characters. `file` when nothing is left. Never trust it as part
   * of a path.
   */
  readonly originalname: string;
  /** The type that the client claimed; `contentType` comes from the content. */
  readonly mimetype: string;
  /** The type found in the first bytes, else `application/octet-stream`. */
  readonly contentType: string;
  /**
   * The usual extension of that type, without the dot. Where the content shows no type, the
   * client's extension if `keepExtension` keeps it; else undefined.
   */
  readonly extension: string | undefined;
  /**
   * The size in bytes. While the file is still arriving, the size that the length of the request
   * shows. If it turns out to be another one, as a field follows the file, the path is chosen again
   * with the real size and the same `uuid`.
   */
  readonly size: number;
}

/**
 * Chooses the whole cloud path of a file; the path is validated. Make it unique with `file.uuid`.
 * Reusing a path replaces the older file, links may return the older content for a while because
 * they are cached, and a failed request leaves its object there. The request may be typed as that
 * of the adapter in use.
 * @example
 * ```ts
 * import type { WxCloudPathFactory } from 'nestjs-wx-cloud-storage';
 *
 * export const avatarPath: WxCloudPathFactory = file =>
 *   `avatars/${file.uuid}.${file.extension ?? 'bin'}`;
 * ```
 */
export type WxCloudPathFactory = {
  /** A method, as its parameters may be narrowed, here to Express' or Fastify's own request. */
  decide(file: WxCloudIncomingFile, request: WxCloudHttpRequest): string | Promise<string>;
}['decide'];

/**
 * The place in a request where a client sends a value along with a form: exactly one of the two.
 */
export interface WxCloudHeaderOrField {
  /** The name of a request header; the values of several files are separated by commas. */
  readonly header?: string | undefined;
  /** The name of a text field before the file; with several files it is sent once for each. */
  readonly field?: string | undefined;
}

/** multer's limits, by multer's names, and `textBytes`. */
export interface WxCloudUploadLimits {
  /**
   * Bytes of one file.
   * @defaultValue 104857600 (100 MiB)
   */
  readonly fileSize?: number | undefined;
  /**
   * Number of files in a form.
   * @defaultValue the sum over the interceptor's fields, else 10
   */
  readonly files?: number | undefined;
  /**
   * Bytes of one text field.
   * @defaultValue 1048576 (1 MiB)
   */
  readonly fieldSize?: number | undefined;
  /**
   * Bytes of all text fields together, names included, as they are sent. The headers of all parts
   * may take the same number again, and at least 2 MiB. A gap that an index leaves in a list counts
   * as 8 bytes.
   * @defaultValue 2097152 (2 MiB)
   */
  readonly textBytes?: number | undefined;
  /**
   * Bytes of a field's name.
   * @defaultValue 100
   */
  readonly fieldNameSize?: number | undefined;
  /**
   * Number of text fields in a form.
   * @defaultValue 256
   */
  readonly fields?: number | undefined;
  /**
   * Number of fields and files in a form together.
   * @defaultValue 1000
   */
  readonly parts?: number | undefined;
  /**
   * Number of header lines in a part.
   * @defaultValue 2000
   */
  readonly headerPairs?: number | undefined;
  /**
   * Nesting depth of a text field's name, as in `a[b][c]`.
   * @defaultValue 32
   */
  readonly fieldNestingDepth?: number | undefined;
  /**
   * The largest index in the name of a text field, as in `a[3]`.
   * @defaultValue 1000
   */
  readonly fieldArrayIndexLimit?: number | undefined;
}

/** Options of the storage engine. */
export interface WxCloudUploadEngineOptions {
  /**
   * A prefix of the generated `yyyy/mm/dd/<uuid>.<extension>`, e.g. `photos/`, or a function that
   * returns the whole path.
   * @defaultValue no prefix
   */
  readonly path?: string | WxCloudPathFactory | undefined;
  /**
   * Guarantees that the function `path` never returns the path of another file, older or newer,
   * even where it does not use `file.uuid`. Only then is the object deleted when the request fails.
   * Otherwise it is left in place and reported to `onOrphan`, as another upload may have stored at
   * its path. Generated paths are always unique.
   * @defaultValue false
   */
  readonly uniquePath?: boolean | undefined;
  /**
   * The accepted types, e.g. `['image/*', 'application/pdf']`. The content decides, not the client.
   * Text formats cannot be detected from the content, so they need `detectContentType`.
   * @defaultValue any type
   */
  readonly contentTypes?: readonly string[] | undefined;
  /**
   * Names the type of a file when its first bytes (up to 4100) show none; returns undefined when it
   * does not know the type either. A text that is not a media type counts as undefined.
   * @defaultValue none
   */
  readonly detectContentType?:
    | ((
        head: Uint8Array,
        file: Pick<WxCloudIncomingFile, 'fieldname' | 'originalname' | 'mimetype'>,
      ) => string | undefined | Promise<string | undefined>)
    | undefined;
  /**
   * Keeps the extension of the client's name, in lower case, where the content shows no type.
   * `true` keeps those of harmless texts (`txt`, `csv`, `tsv`, `md`, `json`, `log`, `yaml` and
   * similar), a list keeps those in it, each of 1 to 8 lower-case letters and digits. Extensions
   * that can be run or shown as a page (`html`, `svg`, `js`, `xml`, `php`) are not allowed in the
   * list. The stored type does not change.
   * @defaultValue false
   */
  readonly keepExtension?: boolean | readonly string[] | undefined;
  /**
   * The place where the client declares the size of a file. Such a file is sent straight to the
   * storage instead of being spooled until its size is known. If it is larger than 64 KiB it can be
   * sent only once, so a failed upload is not retried. A wrong size is rejected with 400, one over
   * `limits.fileSize` with 413. A file without a declared size is spooled as usual.
   * @defaultValue none
   */
  readonly declaredSize?: WxCloudHeaderOrField | undefined;
  /**
   * The place where a client sends an ID by which a page follows the upload through
   * `WxCloudUploadProgress`; a field must come before the file. An invalid ID is rejected with 400.
   * @defaultValue none
   */
  readonly progressId?: WxCloudHeaderOrField | undefined;
  /**
   * The instance that stores the files: its name, or a function of the request.
   * @defaultValue the default instance
   */
  readonly storage?: WxCloudStorageOption | undefined;
}

/** Options of an upload interceptor; for multer's options see `docs/migrating-from-multer.md`. */
export interface WxCloudUploadInterceptorOptions extends WxCloudUploadEngineOptions {
  /**
   * Limits on the form and its files. A file over `fileSize` is rejected with 413, other violations
   * with 400.
   */
  readonly limits?: WxCloudUploadLimits | undefined;
  /**
   * True when a request without a file is rejected with 400.
   * @defaultValue true
   */
  readonly required?: boolean | undefined;
}

/** A field of a form that takes files. */
export interface WxCloudFileField {
  /** The name of the field. */
  readonly name: string;
  /**
   * The maximum number of files.
   * @defaultValue no limit other than `limits.files`
   */
  readonly maxCount?: number | undefined;
}

/** All limits on a form and its files. */
export type CompleteUploadLimits = FormLimits & { readonly fileSize: number };

const DEFAULTS: CompleteUploadLimits = {
  fileSize: 104_857_600,
  files: 10,
  fieldSize: 1_048_576,
  textBytes: 2_097_152,
  fieldNameSize: 100,
  fields: 256,
  parts: 1_000,
  headerPairs: 2_000,
  fieldNestingDepth: 32,
  fieldArrayIndexLimit: 1_000,
};

const BYTES: readonly string[] = ['fileSize', 'fieldSize', 'textBytes', 'fieldNameSize'];

/**
 * Completes the limits of an interceptor whose fields take `fileCount` files together. An undefined
 * limit gets its default.
 * @throws {@link OptionsInvalidError} for an unknown limit, or an invalid value
 */
export function completeLimits(
  given?: WxCloudUploadLimits,
  fileCount = DEFAULTS.files,
): CompleteUploadLimits {
  const members = readMembers('limits', given, {
    prefix: 'limits.',
    names: Object.keys(DEFAULTS),
    replacements: REPLACED_LIMITS,
  });
  // By name, as the getters of a class are not listed.
  const chosen = Object.keys(DEFAULTS)
    .map((name): [string, unknown] => [name, members[name]])
    .filter(([, value]) => value !== undefined);
  for (const [name, value] of chosen) assertLimit(name, value);
  return { ...DEFAULTS, files: fileCount, ...Object.fromEntries(chosen) };
}

function assertLimit(name: string, value: unknown): void {
  const isLimit = Number.isInteger(value) || value === Infinity;
  if (isLimit && Number(value) >= 0) return;
  throw new OptionsInvalidError({
    option: `limits.${name}`,
    expected: `a whole number${BYTES.includes(name) ? ' of bytes' : ''} from 0, or Infinity`,
    remedy:
      BYTES.includes(name) && typeof value === 'string'
        ? 'Write a number, e.g. 10 * 1024 * 1024 for 10 MiB.'
        : 'Correct it, or leave it out for the default.',
  });
}

/** Number of bytes that the headers and boundary of a part may take. */
const PART_HEAD_BYTES = 16_384;

/**
 * Checks the length of a request before it is read: no form within the limits can be longer, with
 * up to `mostFiles` files.
 * @throws {@link FileTooLargeError}
 */
export function assertFormLength(
  bytes: number,
  limits: CompleteUploadLimits,
  mostFiles = Infinity,
): void {
  const { fileSize, textBytes, fields, parts } = limits;
  const files = Math.min(limits.files, mostFiles);
  const partCount = Math.min(parts, fields + files);
  const limitBytes = timesOf(files, fileSize) + textBytes + timesOf(partCount, PART_HEAD_BYTES);
  if (bytes <= limitBytes) return;
  const isByFields = files < limits.files;
  const count = `${isByFields ? 'the files that its fields take' : 'limits.files'} (${files})`;
  throw new FileTooLargeError({
    subject: 'The form',
    limitBytes,
    problem: `has ${bytes} bytes, but no more than ${limitBytes} are possible with ${count}, limits.fileSize (${fileSize}), limits.textBytes and limits.parts. Send less, or raise the limit.`,
  });
}

/** Multiplies limits, of which one may be Infinity and the other 0. */
function timesOf(count: number, bytes: number): number {
  return count === 0 || bytes === 0 ? 0 : count * bytes;
}

import { OptionsInvalidError } from '../../errors/errors.js';
import type { FormLimits } from '../../multipart/form-budget.js';
import { readMembers } from '../../options/validation.js';
import type { WxCloudHttpRequest } from '../application-registry.js';
import { REPLACED_LIMITS } from '../option-checks.js';

/** What is known of a file when its path is decided: nothing of it is stored yet. */
export interface WxCloudIncomingFile {
  /**
   * A random ID that was made for this file alone. A path that holds it is unique, so that the
   * object is deleted when the request fails.
   */
  readonly uuid: string;
  /** The name of the form field. */
  readonly fieldname: string;
  /**
   * The name that the client gave, without folders, control characters and marks that change the
   * direction of text, at most 255 characters; never to be trusted as part of a path. A name of
   * which nothing is left is `file`.
   */
  readonly originalname: string;
  /** The type that the client claimed; `contentType` is what the content shows. */
  readonly mimetype: string;
  /** The type found in the first bytes, else `application/octet-stream`. */
  readonly contentType: string;
  /**
   * The usual extension of that type, without the dot. Where the content shows no type, the one
   * that `keepExtension` keeps of the client's name; undefined when it keeps none.
   */
  readonly extension: string | undefined;
  /** How many bytes the file has. */
  readonly size: number;
}

/**
 * Decides the whole cloud path of a file; it is validated. Make it unique with `file.uuid`: at a
 * path that is used again, an older file is replaced, links may give the older content for a while,
 * as they are cached, and a failed request leaves its object there. The request may be typed as
 * that of the adapter in use.
 * @example
 * ```ts
 * path: file => `avatars/${file.uuid}.${file.extension ?? 'bin'}`
 * ```
 */
export type WxCloudPathFactory = {
  /** A method's parameters may be narrowed, here to Express' or Fastify's own request. */
  decide(file: WxCloudIncomingFile, request: WxCloudHttpRequest): string | Promise<string>;
}['decide'];

/** The place in a request where a client sends a value along with a form: exactly one of the two. */
export interface WxCloudHeaderOrField {
  /** The name of a request header; the values of several files are separated by commas. */
  readonly header?: string | undefined;
  /** The name of a text field before the file; with several files it is sent once for each. */
  readonly field?: string | undefined;
}

/** multer's limits, by multer's names, and `textBytes`. */
export interface WxCloudUploadLimits {
  /** Bytes of one file. @defaultValue 104857600 (100 MiB) */
  readonly fileSize?: number | undefined;
  /**
   * How many files a form may have.
   * @defaultValue what the interceptor's fields take together, else 10
   */
  readonly files?: number | undefined;
  /** Bytes of one text field. @defaultValue 1048576 */
  readonly fieldSize?: number | undefined;
  /**
   * Bytes of all text fields together, names included, counted as they are sent. The headers of all
   * parts may take as much again, and 2 MiB at least; a place that an index leaves empty in a list
   * counts as 8 bytes.
   * @defaultValue 2097152 (2 MiB)
   */
  readonly textBytes?: number | undefined;
  /** Bytes of a field's name. @defaultValue 100 */
  readonly fieldNameSize?: number | undefined;
  /** Number of text fields a form may have. @defaultValue 256 */
  readonly fields?: number | undefined;
  /** How many fields and files a form may have together. @defaultValue 1000 */
  readonly parts?: number | undefined;
  /** How many header lines a part may have. @defaultValue 2000 */
  readonly headerPairs?: number | undefined;
  /** How deep the name of a text field may be nested, as in `a[b][c]`. @defaultValue 32 */
  readonly fieldNestingDepth?: number | undefined;
  /** The largest index in the name of a text field, as in `a[3]`. @defaultValue 1000 */
  readonly fieldArrayIndexLimit?: number | undefined;
}

/** What becomes of the files of a form. */
export interface WxCloudUploadEngineOptions {
  /**
   * Put in front of the generated `yyyy/mm/dd/<uuid>.<extension>`, e.g. `photos/`; or a function
   * that returns the whole path. @defaultValue no prefix
   */
  readonly path?: string | WxCloudPathFactory | undefined;
  /**
   * Vouches that the function `path` never returns the path of another file, older or newer, where
   * it does not use `file.uuid`: only then is the object deleted when the request fails. Elsewhere
   * it is left alone and reported to `onOrphan`, as somebody else may have stored at its path.
   * Generated paths are unique anyway.
   * @defaultValue false
   */
  readonly uniquePath?: boolean | undefined;
  /**
   * The types that are accepted, e.g. `['image/*', 'application/pdf']`: the content decides, not
   * the client. Text formats cannot be found in the content, so they need `detectContentType`.
   * @defaultValue any
   */
  readonly contentTypes?: readonly string[] | undefined;
  /**
   * Names the type of a file in whose first bytes (up to 4100) none was found; undefined when it
   * does not know either. A text that is no media type counts as that.
   * @defaultValue none
   */
  readonly detectContentType?:
    | ((
        head: Uint8Array,
        file: Pick<WxCloudIncomingFile, 'fieldname' | 'originalname' | 'mimetype'>,
      ) => string | undefined | Promise<string | undefined>)
    | undefined;
  /**
   * Where the content shows no type, keeps the extension of the client's name, in lower case:
   * `true` keeps those of harmless texts (`txt`, `csv`, `tsv`, `md`, `json`, `log`, `yaml` and
   * their like), a list those in it, of 1 to 8 small letters and digits. One that can be run or
   * shown as a page (`html`, `svg`, `js`, `xml`, `php`) may not be in it. The type that the file is
   * stored with does not change.
   * @defaultValue false
   */
  readonly keepExtension?: boolean | readonly string[] | undefined;
  /**
   * Where the client declares the size of a file, which then goes straight through instead of being
   * kept until its end shows how long it is. One of more than 64 KiB is sent once: what fails on
   * the way is not repeated. A wrong size is answered with 400, one over `limits.fileSize` with
   * 413; a file without a size is kept as usual. @defaultValue none
   */
  readonly declaredSize?: WxCloudHeaderOrField | undefined;
  /**
   * Where a client sends an ID under which a page follows the upload, by `WxCloudUploadProgress`; a
   * field has to come before the file. Something that is no ID is answered with 400. @defaultValue
   * none
   */
  readonly progressId?: WxCloudHeaderOrField | undefined;
  /** The name of the instance to store with. @defaultValue the default instance */
  readonly storage?: string | undefined;
}

/** Options of an upload interceptor; for those of multer see `docs/migrating-from-multer.md`. */
export interface WxCloudUploadInterceptorOptions extends WxCloudUploadEngineOptions {
  /**
   * Limits on the form and its files; a file over `fileSize` is answered with 413, the others with
   * 400.
   */
  readonly limits?: WxCloudUploadLimits | undefined;
  /** True when a request without any file is refused with 400. @defaultValue true */
  readonly required?: boolean | undefined;
}

/** A field of a form that takes files. */
export interface WxCloudFileField {
  /** The field's name. */
  readonly name: string;
  /** How many files it takes. @defaultValue no limit but `limits.files` */
  readonly maxCount?: number | undefined;
}

/** Every limit on a form and its files. */
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
 * The limits of an interceptor whose fields take `fileCount` files together. One that is given as
 * undefined has its default.
 * @throws {@link OptionsInvalidError} for an unknown limit, or a wrong value of one
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
  // By name, as a getter of a class is not listed.
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

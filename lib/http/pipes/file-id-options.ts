import type { ArgumentMetadata } from '@nestjs/common';
import { OptionsInvalidError, WxCloudStorageError } from '../../errors/index.js';
import { findPathProblem, type ParsedFileId } from '../../file-id/index.js';
import { readMembers } from '../../options/index.js';
import type { Instance } from '../application-instances.js';
import { assertBoolean, assertStorageName } from '../option-checks.js';
import { REPLACED_PIPE_OPTIONS } from '../replaced-options.js';

/** Which file IDs a pipe lets through. */
export interface WxCloudFileIdOptions {
  /** The name of the instance whose environment and bucket they have to be of. @defaultValue the default instance */
  readonly storage?: string | undefined;
  /** The folders that they may be below, e.g. `['photos/']`; a missing slash at the end is added. @defaultValue any */
  readonly prefixes?: readonly string[] | undefined;
  /** Whether nothing at all is let through, as `undefined`. @defaultValue false */
  readonly optional?: boolean | undefined;
  /**
   * Whether a list is expected: a single file ID, as a query with one has it, then becomes a list of one. Otherwise a list is
   * refused. @defaultValue what the parameter's type says; where that says nothing (`unknown`, or a compiler that emits no
   * decorator metadata), both are let through
   */
  readonly many?: boolean | undefined;
}

/** Types that say nothing of whether a list is meant. */
const VAGUE_TYPES: readonly unknown[] = [undefined, Object];

/** Whether a parameter takes a list; undefined when nothing tells. */
export function takesMany(
  { many }: WxCloudFileIdOptions,
  { metatype }: Partial<ArgumentMetadata> = {},
): boolean | undefined {
  return many ?? (VAGUE_TYPES.includes(metatype) ? undefined : metatype === Array);
}

const PIPE_OPTIONS: readonly (keyof WxCloudFileIdOptions)[] = [
  'storage',
  'prefixes',
  'optional',
  'many',
];

/** Checks the options of a pipe. @throws {@link OptionsInvalidError} */
export function assertFileIdOptions(options: unknown): void {
  const names = { names: PIPE_OPTIONS, replacements: REPLACED_PIPE_OPTIONS };
  const { storage, prefixes, optional, many } = readMembers('options', options, names);
  assertStorageName(storage);
  assertPrefixes(prefixes);
  assertBoolean('optional', optional);
  assertBoolean('many', many);
}

function assertPrefixes(prefixes: unknown): void {
  if (prefixes === undefined) return;
  const isList = Array.isArray(prefixes) && prefixes.length > 0;
  if (isList && prefixes.every(prefix => findPathProblem(prefix) === undefined)) return;
  throw new OptionsInvalidError({
    option: 'prefixes',
    expected: 'a list of one or more beginnings of cloud paths, such as photos/',
    remedy: 'Leave it out to let file IDs of any path through.',
  });
}

/**
 * Reads one file ID, or each of a list, that a client sent.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_FILE_ID_INVALID` for the first that is not let through, with the reason
 */
export function readFileIds<T>(
  value: unknown,
  toResult: (fileId: ParsedFileId) => T,
  check: FileIdCheck,
): T | T[] {
  const isList = Array.isArray(value);
  // A handler that expects one must not be given several: what it does with them nobody has thought of.
  if (check.many === false || !(isList || check.many === true)) {
    return toResult(checkFileId(value, check));
  }
  return (isList ? value : [value]).map((item, index) => {
    try {
      return toResult(checkFileId(item, check));
    } catch (error) {
      throw error instanceof WxCloudStorageError ? atPosition(error, index) : error;
    }
  });
}

/** What a file ID has to be like. */
export interface FileIdCheck {
  /** The instance that it has to belong to. */
  readonly instance: Instance;
  /** The folders that it may be below; undefined for any. */
  readonly prefixes: readonly string[] | undefined;
  /** Whether a list is expected; undefined for both. */
  readonly many: boolean | undefined;
}

function checkFileId(
  value: unknown,
  { instance, prefixes }: Omit<FileIdCheck, 'many'>,
): ParsedFileId {
  const parsed = instance.context.bucket.accept(value);
  const folders = prefixes?.map(prefix => (prefix.endsWith('/') ? prefix : `${prefix}/`));
  if (folders === undefined || folders.some(folder => parsed.cloudPath.startsWith(folder))) {
    return parsed;
  }
  throw new WxCloudStorageError({
    code: 'WX_CLOUD_FILE_ID_INVALID',
    message:
      'The file ID is refused: its path is not one that is taken here. Pass on one that belongs here.',
  });
}

function atPosition({ code, message }: WxCloudStorageError, index: number): WxCloudStorageError {
  return new WxCloudStorageError({ code, message: `Item ${index}: ${message}` });
}

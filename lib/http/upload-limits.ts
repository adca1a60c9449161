import { OptionsInvalidError } from '../errors/index.js';
import type { FormLimits } from '../form/index.js';
import { readMembers } from '../options/index.js';
import { REPLACED_LIMITS } from './replaced-options.js';
import type { WxCloudUploadLimits } from './upload-options.js';

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

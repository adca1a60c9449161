import { OptionsInvalidError } from '../errors/index.js';
import type { FormLimits } from '../form/index.js';
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

/**
 * The limits of an interceptor whose fields take `fileCount` files together. One that is given as undefined has its default.
 * @throws {@link OptionsInvalidError} for a limit that is none
 */
export function completeLimits(
  given: WxCloudUploadLimits = {},
  fileCount = DEFAULTS.files,
): CompleteUploadLimits {
  const chosen = Object.entries(given).filter(([, value]) => value !== undefined);
  for (const [name, value] of chosen) assertLimit(name, value);
  return { ...DEFAULTS, files: fileCount, ...Object.fromEntries(chosen) };
}

function assertLimit(name: string, value: unknown): void {
  const isLimit = Number.isInteger(value) || value === Infinity;
  if (Object.hasOwn(DEFAULTS, name) && isLimit && Number(value) >= 0) return;
  throw new OptionsInvalidError({
    option: `limits.${name}`,
    expected: Object.hasOwn(DEFAULTS, name)
      ? 'a whole number from 0, or Infinity'
      : `one of ${Object.keys(DEFAULTS).join(', ')}`,
    remedy: 'Correct it, or leave it out for the default.',
  });
}

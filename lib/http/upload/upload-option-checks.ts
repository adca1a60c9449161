import { quoteText } from '../../errors/client-text.js';
import { OptionsInvalidError } from '../../errors/errors.js';
import { type Given, readMembers } from '../../options/validation.js';
import { assertKeepExtension, assertPathOptions } from '../cloud-path-option.js';
import { assertBoolean, assertContentTypes, REPLACED_UPLOAD_OPTIONS } from '../option-checks.js';
import { assertStorageOption } from '../storage-option.js';
import { assertDeclaredSize, assertProgressIdOption } from './client-values.js';
import {
  completeLimits,
  type WxCloudFileField,
  type WxCloudUploadEngineOptions,
  type WxCloudUploadInterceptorOptions,
} from './upload-options.js';

const ENGINE_OPTIONS: readonly (keyof WxCloudUploadEngineOptions)[] = [
  'path',
  'uniquePath',
  'contentTypes',
  'detectContentType',
  'keepExtension',
  'declaredSize',
  'progressId',
  'storage',
];
const INTERCEPTOR_OPTIONS: readonly (keyof WxCloudUploadInterceptorOptions)[] = [
  ...ENGINE_OPTIONS,
  'limits',
  'required',
];
const BEHIND_NEST = "Give it to Nest's own interceptor, beside storage.";
/** Options that belong to Nest's interceptor, not to the engine. */
const OF_NEST = new Map([...REPLACED_UPLOAD_OPTIONS, ['limits', BEHIND_NEST]]);

/**
 * Checks the options of the storage engine.
 * @throws {@link OptionsInvalidError}
 */
export function assertEngineOptions(options: unknown): void {
  const names = { names: ENGINE_OPTIONS, replacements: OF_NEST };
  assertFileOptions(readMembers('options', options, names));
}

/**
 * Checks the options of an upload interceptor.
 * @throws {@link OptionsInvalidError}
 */
export function assertInterceptorOptions(options: unknown): void {
  const names = { names: INTERCEPTOR_OPTIONS, replacements: REPLACED_UPLOAD_OPTIONS };
  const given = readMembers('options', options, names);
  assertFileOptions(given);
  completeLimits(given['limits'] as object | undefined);
  assertBoolean('required', given['required']);
}

function assertFileOptions(given: Given): void {
  const options = given as WxCloudUploadEngineOptions;
  const { detectContentType: detect } = options;
  assertPathOptions(options);
  if (detect !== undefined && typeof detect !== 'function') {
    throw new OptionsInvalidError({
      option: 'detectContentType',
      expected: 'a function that returns the type of a file, or undefined',
      remedy:
        "Write e.g. detectContentType: head => (head.includes(0) ? undefined : 'text/plain').",
    });
  }
  assertContentTypes(options.contentTypes, detect !== undefined);
  assertKeepExtension(options.keepExtension);
  assertDeclaredSize(options.declaredSize);
  assertProgressIdOption(options.progressId);
  assertStorageOption(options.storage);
}

/**
 * Checks the name of the one field that takes files.
 * @throws {@link OptionsInvalidError}
 */
export function assertField(name: unknown, option = 'field'): void {
  if (typeof name === 'string' && name !== '') return;
  throw new OptionsInvalidError({
    option,
    expected: 'the name of a form field that takes files',
    remedy: "Write e.g. 'photo'; WxCloudAnyFilesInterceptor takes files in any field.",
  });
}

/**
 * Checks the maximum number of files of a field.
 * @throws {@link OptionsInvalidError}
 */
export function assertMaxCount(value: unknown, option = 'maxCount'): void {
  if (value === undefined || value === Infinity || (Number.isInteger(value) && Number(value) > 0)) {
    return;
  }
  const isOptions = typeof value === 'object' && value !== null;
  throw new OptionsInvalidError({
    option,
    expected: 'a whole number of files from 1, or Infinity',
    remedy: isOptions
      ? 'Options are the third argument: (field, undefined, options).'
      : 'Leave it out for no limit but limits.files.',
  });
}

/**
 * Checks the fields that take files.
 * @throws {@link OptionsInvalidError}
 */
export function assertFields(fields: unknown): void {
  if (!Array.isArray(fields) || fields.length === 0) {
    throw new OptionsInvalidError({
      option: 'fields',
      expected: 'a non-empty list of fields',
      remedy: "Write e.g. [{ name: 'cover', maxCount: 1 }, { name: 'pages' }].",
    });
  }
  for (const [index, field] of fields.entries()) {
    const place = `fields[${index}]`;
    const known = { prefix: `${place}.`, names: ['name', 'maxCount'] };
    const { name, maxCount } = readMembers(place, field, known);
    assertField(name, `${place}.name`);
    assertMaxCount(maxCount, `${place}.maxCount`);
  }
  const names = (fields as readonly WxCloudFileField[]).map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice === undefined) return;
  throw new OptionsInvalidError({
    option: 'fields',
    expected: `a list of fields with different names; ${quoteText(twice)} is listed twice`,
    remedy: 'Merge them into one field with the maxCount of both.',
  });
}

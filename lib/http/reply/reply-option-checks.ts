import { OptionsInvalidError } from '../../errors/index.js';
import { MAX_AGE_RANGE, readMembers } from '../../options/index.js';
import { assertPathOptions } from '../cloud-path-option.js';
import { assertStorageName } from '../option-checks.js';
import { REPLACED_REPLY_OPTIONS } from '../replaced-options.js';
import type { WxCloudReplyOptions } from './reply-options.js';

const REPLY_OPTIONS: readonly (keyof WxCloudReplyOptions)[] = [
  'path',
  'uniquePath',
  'whenOverBytes',
  'url',
  'storage',
];

/**
 * Checks the options of the interceptor that stores answers.
 * @throws {@link OptionsInvalidError}
 */
export function assertReplyOptions(options: unknown): void {
  const names = { names: REPLY_OPTIONS, replacements: REPLACED_REPLY_OPTIONS };
  const given = readMembers('options', options, names);
  assertPathOptions(given as WxCloudReplyOptions);
  assertWhenOverBytes(given['whenOverBytes']);
  assertUrl(given['url']);
  assertStorageName(given['storage']);
}

function assertWhenOverBytes(value: unknown): void {
  if (value === undefined || (Number.isSafeInteger(value) && Number(value) >= 0)) return;
  throw new OptionsInvalidError({
    option: 'whenOverBytes',
    expected: 'a whole number of bytes from 0',
    remedy: 'Leave it out to store every answer.',
  });
}

function assertUrl(value: unknown): void {
  if (value === undefined || typeof value === 'boolean') return;
  if (typeof value !== 'object' || value === null) {
    throw new OptionsInvalidError({
      option: 'url',
      expected: 'true, false, or { maxAgeSeconds }',
      remedy: 'Leave it out for no link.',
    });
  }
  const { maxAgeSeconds } = readMembers('url', value, { prefix: 'url.', names: ['maxAgeSeconds'] });
  const { min, max } = MAX_AGE_RANGE;
  const isRight = Number.isInteger(maxAgeSeconds) && Number(maxAgeSeconds) >= min;
  if (maxAgeSeconds === undefined || (isRight && Number(maxAgeSeconds) <= max)) return;
  throw new OptionsInvalidError({
    option: 'url.maxAgeSeconds',
    expected: `a whole number of seconds from ${min} to ${max}`,
    remedy: 'Leave it out for the default.',
  });
}

import { OptionsInvalidError, WxCloudStorageError } from '../errors/index.js';
import { quoteText } from '../form/index.js';
import { findSent, isSentValue, placeOf } from './sent-value.js';
import type { WxCloudDeclaredSize } from './upload-options.js';
import type { WxCloudHttpRequest } from './request-origin.js';

/** Checks the option. @throws {@link OptionsInvalidError} when it names neither a header nor a field, or both */
export function assertDeclaredSize(option: WxCloudDeclaredSize | undefined): void {
  if (option === undefined || isSentValue(option)) return;
  throw new OptionsInvalidError({
    option: 'declaredSize',
    expected: '{ header } or { field } with the name of the one that holds the size in bytes',
    remedy: "Write declaredSize: { header: 'x-file-size' }, or leave it out.",
  });
}

/**
 * The size that a client declared for a file, in bytes; undefined when it declared none. `index` says which file of the
 * form it is: a field that is sent several times, or a header with commas, has a size for each, in their order.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_SIZE_MISMATCHED` when it is no size
 */
export function readDeclaredSize(
  option: WxCloudDeclaredSize,
  request: WxCloudHttpRequest,
  index: number,
): number | undefined {
  const given = findDeclaration(option, request);
  const values: readonly unknown[] = Array.isArray(given) ? given : [given];
  const value = values[index];
  if (value === undefined) return undefined;
  // Up to 15 digits are exact, and more than any file has.
  if (/^\d{1,15}$/.test(String(value))) return Number(value);
  throw new WxCloudStorageError({
    code: 'WX_CLOUD_SIZE_MISMATCHED',
    message: `The declared size of the file, in the ${placeOf(option)}, is ${quoteText(String(value))}, and has to be a whole number of bytes; nothing was stored.`,
  });
}

function findDeclaration(option: WxCloudDeclaredSize, request: WxCloudHttpRequest): unknown {
  const sent = findSent(option, request);
  const isHeader = option.header !== undefined && typeof sent === 'string';
  return isHeader ? sent.split(',').map(value => value.trim()) : sent;
}

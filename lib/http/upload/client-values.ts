import { quoteText } from '../../errors/client-text.js';
import { OptionsInvalidError, WxCloudStorageError } from '../../errors/errors.js';
import { formInvalid } from '../../multipart/form-errors.js';
import type { WxCloudHttpRequest } from '../request-origin.js';
import type { WxCloudHeaderOrField } from './upload-options.js';

/** True when an option names exactly one place. */
function isHeaderOrField(option: WxCloudHeaderOrField): boolean {
  const names = Object.entries(option ?? {}).filter(([, name]) => name !== undefined);
  const [source, name] = names[0] ?? [];
  const isKnown = source === 'header' || source === 'field';
  return names.length === 1 && isKnown && typeof name === 'string' && name !== '';
}

/** Returns the value that a client sent there; undefined for none. */
function findSent(
  { header, field }: WxCloudHeaderOrField,
  { headers, body }: WxCloudHttpRequest,
): unknown {
  if (header !== undefined) return headers[header.toLowerCase()]?.toString();
  const fields: unknown = body ?? {};
  return Object.entries(fields as object).find(([name]) => name === field)?.[1];
}

/** Describes the place of a value in a message to the client. */
function placeOf({ header, field }: WxCloudHeaderOrField): string {
  return header === undefined
    ? `field ${JSON.stringify(field)}`
    : `header ${JSON.stringify(header)}`;
}

/**
 * Checks the option.
 * @throws {@link OptionsInvalidError} when it names neither a header nor a field, or both
 */
export function assertDeclaredSize(option: WxCloudHeaderOrField | undefined): void {
  if (option === undefined || isHeaderOrField(option)) return;
  throw new OptionsInvalidError({
    option: 'declaredSize',
    expected: '{ header } or { field }, naming the one that holds the size in bytes',
    remedy: "Write declaredSize: { header: 'x-file-size' }, or leave it out.",
  });
}

/**
 * Reads the size in bytes that a client declared for a file; undefined when it declared none.
 * `index` is the index of the file in the form: a repeated field, or a header with commas, has a
 * size for each file, in their order.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_SIZE_MISMATCHED` when the value is not a size
 */
export function readDeclaredSize(
  option: WxCloudHeaderOrField,
  request: WxCloudHttpRequest,
  index: number,
): number | undefined {
  const given = findDeclaration(option, request);
  const values: readonly unknown[] = Array.isArray(given) ? given : [given];
  const value = values[index];
  if (value === undefined) return undefined;
  // Numbers of up to 15 digits are exact, and larger than any file.
  if (/^\d{1,15}$/.test(String(value))) return Number(value);
  throw new WxCloudStorageError({
    code: 'WX_CLOUD_SIZE_MISMATCHED',
    message: `The declared size of the file, in the ${placeOf(option)}, is ${quoteText(String(value))}, but must be a whole number of bytes; nothing was stored.`,
  });
}

function findDeclaration(option: WxCloudHeaderOrField, request: WxCloudHttpRequest): unknown {
  const sent = findSent(option, request);
  const isHeader = option.header !== undefined && typeof sent === 'string';
  return isHeader ? sent.split(',').map(value => value.trim()) : sent;
}

/** True for a valid progress ID: hard to guess, and safe wherever it is written. */
export function isProgressId(id: unknown): id is string {
  return typeof id === 'string' && /^[\w-]{16,64}$/.test(id);
}

/** Creates the error for an invalid progress ID. */
export function progressIdInvalid(place = ''): WxCloudStorageError {
  return formInvalid(`the progress ID${place} must have 16 to 64 letters, digits, - and _`);
}

/**
 * Checks the option.
 * @throws {@link OptionsInvalidError} when it names neither a header nor a field, or both
 */
export function assertProgressIdOption(option: WxCloudHeaderOrField | undefined): void {
  if (option === undefined || isHeaderOrField(option)) return;
  throw new OptionsInvalidError({
    option: 'progressId',
    expected: '{ header } or { field }, naming the one that holds the ID',
    remedy: "Write progressId: { header: 'x-upload-id' }, or leave it out.",
  });
}

/**
 * Reads the progress ID that a client sent; undefined when it sent none.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_FORM_INVALID` when the ID is invalid
 */
export function readProgressId(
  option: WxCloudHeaderOrField,
  request: WxCloudHttpRequest,
): string | undefined {
  const given = findSent(option, request);
  if (given === undefined) return undefined;
  if (isProgressId(given)) return given;
  throw progressIdInvalid(`, in the ${placeOf(option)},`);
}

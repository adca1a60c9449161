import { quoteText } from '../../errors/client-text.js';
import { OptionsInvalidError, WxCloudStorageError } from '../../errors/errors.js';
import { formInvalid } from '../../multipart/form-errors.js';
import type { WxCloudHttpRequest } from '../application-registry.js';
import type { WxCloudHeaderOrField } from './upload-options.js';

/** True when an option names one place, and nothing else. */
function isHeaderOrField(option: WxCloudHeaderOrField): boolean {
  const names = Object.entries(option ?? {}).filter(([, name]) => name !== undefined);
  const [source, name] = names[0] ?? [];
  const isKnown = source === 'header' || source === 'field';
  return names.length === 1 && isKnown && typeof name === 'string' && name !== '';
}

/** What a client has sent there; undefined for nothing. */
function findSent(
  { header, field }: WxCloudHeaderOrField,
  { headers, body }: WxCloudHttpRequest,
): unknown {
  if (header !== undefined) return headers[header.toLowerCase()]?.toString();
  const fields: unknown = body ?? {};
  return Object.entries(fields as object).find(([name]) => name === field)?.[1];
}

/** The place where a value was looked for, in words for a message to the client. */
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
    expected: '{ header } or { field } with the name of the one that holds the size in bytes',
    remedy: "Write declaredSize: { header: 'x-file-size' }, or leave it out.",
  });
}

/**
 * The size that a client declared for a file, in bytes; undefined when it declared none. `index`
 * says which file of the form it is: a field that is sent several times, or a header with commas,
 * has a size for each, in their order.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_SIZE_MISMATCHED` when it is no size
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
  // Up to 15 digits are exact, and more than any file has.
  if (/^\d{1,15}$/.test(String(value))) return Number(value);
  throw new WxCloudStorageError({
    code: 'WX_CLOUD_SIZE_MISMATCHED',
    message: `The declared size of the file, in the ${placeOf(option)}, is ${quoteText(String(value))}, and has to be a whole number of bytes; nothing was stored.`,
  });
}

function findDeclaration(option: WxCloudHeaderOrField, request: WxCloudHttpRequest): unknown {
  const sent = findSent(option, request);
  const isHeader = option.header !== undefined && typeof sent === 'string';
  return isHeader ? sent.split(',').map(value => value.trim()) : sent;
}

/** True when a text can be an ID: hard to guess, and harmless wherever it is written. */
export function isProgressId(id: unknown): id is string {
  return typeof id === 'string' && /^[\w-]{16,64}$/.test(id);
}

/** The error for a text that is no ID. */
export function progressIdInvalid(place = ''): WxCloudStorageError {
  return formInvalid(`the ID of the upload${place} has to be 16 to 64 letters, digits, - and _`);
}

/**
 * Checks the option.
 * @throws {@link OptionsInvalidError} when it names neither a header nor a field, or both
 */
export function assertProgressIdOption(option: WxCloudHeaderOrField | undefined): void {
  if (option === undefined || isHeaderOrField(option)) return;
  throw new OptionsInvalidError({
    option: 'progressId',
    expected: '{ header } or { field } with the name of the one that holds the ID',
    remedy: "Write progressId: { header: 'x-upload-id' }, or leave it out.",
  });
}

/**
 * The ID that a client sent; undefined when it sent none.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_FORM_INVALID` when it is none
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

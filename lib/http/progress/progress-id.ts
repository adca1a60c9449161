import { OptionsInvalidError, type WxCloudStorageError } from '../../errors/index.js';
import { formInvalid } from '../../form/index.js';
import { findSent, isSentValue, placeOf, type SentValue } from '../sent-value.js';
import type { WxCloudHttpRequest } from '../request-origin.js';

/** Whether a text can be an ID: hard to guess, and harmless wherever it is written. */
export function isProgressId(id: unknown): id is string {
  return typeof id === 'string' && /^[\w-]{16,64}$/.test(id);
}

/** The error for a text that is no ID. */
export function progressIdInvalid(place = ''): WxCloudStorageError {
  return formInvalid(`the ID of the upload${place} has to be 16 to 64 letters, digits, - and _`);
}

/** Checks the option. @throws {@link OptionsInvalidError} when it names neither a header nor a field, or both */
export function assertProgressIdOption(option: SentValue | undefined): void {
  if (option === undefined || isSentValue(option)) return;
  throw new OptionsInvalidError({
    option: 'progressId',
    expected: '{ header } or { field } with the name of the one that holds the ID',
    remedy: "Write progressId: { header: 'x-upload-id' }, or leave it out.",
  });
}

/** The ID that a client sent; undefined when it sent none. @throws {@link WxCloudStorageError} `WX_CLOUD_FORM_INVALID` when it is none */
export function readProgressId(option: SentValue, request: WxCloudHttpRequest): string | undefined {
  const given = findSent(option, request);
  if (given === undefined) return undefined;
  if (isProgressId(given)) return given;
  throw progressIdInvalid(`, in the ${placeOf(option)},`);
}

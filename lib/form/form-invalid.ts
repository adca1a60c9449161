import { WxCloudStorageError } from '../errors/index.js';

/** The error for a form that a client has to send in another way. Says nothing of what the form holds. */
export function formInvalid(reason: string): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_FORM_INVALID',
    message: `The form is refused: ${reason}.`,
  });
}

/** The error for a form that is none, or that was cut off. */
export function formBroken(): WxCloudStorageError {
  return formInvalid('it is no complete multipart/form-data');
}

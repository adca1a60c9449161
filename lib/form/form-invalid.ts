import { WxCloudStorageError } from '../errors/index.js';

/**
 * The error for a form that a client has to send in another way. Says nothing of what files and
 * texts hold.
 */
export function formInvalid(reason: string): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_FORM_INVALID',
    message: `The form is refused: ${reason}.`,
  });
}

/** The error for a part, counted from 1, whose headers cannot be read. */
export function headersMalformed(part: number, problem: string): WxCloudStorageError {
  return formInvalid(`the headers of part ${part} are malformed: ${problem}`);
}

/** The error for a form that does not come to its end. */
export function formBroken(place = ''): WxCloudStorageError {
  return formInvalid(
    `it is cut off${place}: it has to end in the boundary with two dashes behind it`,
  );
}

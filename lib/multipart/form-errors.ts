import { WxCloudStorageError } from '../errors/errors.js';

/** Advice for a file that was sent as text or without a name. */
export const NAME_REMEDY = 'a file has a file name, as in filename="a.png"';

/** Hint for a text in a file field, as the end of a sentence. */
export const FILE_EXPECTED = `a file is expected there: ${NAME_REMEDY}`;

/**
 * The error for a form that the client has to send in another way. Contains no content of files and
 * texts.
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

/** The error for an incomplete form. */
export function formBroken(place = ''): WxCloudStorageError {
  return formInvalid(
    `the body is cut off${place}: it has to end in the boundary followed by two dashes`,
  );
}

/** The error for a client that sent nothing for too long. */
export function stalled(idleMs: number): WxCloudStorageError {
  return tooSlow(`did not go on for ${idleMs} ms`, 'idleMs');
}

/** The error for a client that takes too long in total. */
export function tookTooLong(totalMs: number): WxCloudStorageError {
  return tooSlow(`took longer than ${totalMs} ms`, 'totalMs');
}

/** True when an error makes it pointless to read the rest of the form. */
export function isReasonToGiveUp(error: unknown): boolean {
  if (!(error instanceof WxCloudStorageError)) return false;
  return error.code === 'WX_CLOUD_BODY_STALLED' || error.code === 'WX_CLOUD_STORAGE_CLOSED';
}

function tooSlow(problem: string, limit: 'idleMs' | 'totalMs'): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_BODY_STALLED',
    message: `The form ${problem}; nothing was stored. Send it faster, or raise timeouts.${limit}.`,
  });
}

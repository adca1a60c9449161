import { WxCloudStorageError } from '../errors/index.js';

/** The client sent nothing for too long. */
export function stalled(idleMs: number): WxCloudStorageError {
  return tooSlow(`did not go on for ${idleMs} ms`, 'idleMs');
}

/** The client went on, but takes too long altogether. */
export function tookTooLong(totalMs: number): WxCloudStorageError {
  return tooSlow(`took longer than ${totalMs} ms`, 'totalMs');
}

/** Whether an error makes it pointless to read the rest of the form. */
export function isReasonToGiveUp(error: unknown): boolean {
  if (!(error instanceof WxCloudStorageError)) return false;
  return error.code === 'WX_CLOUD_BODY_STALLED' || error.code === 'WX_CLOUD_STORAGE_CLOSED';
}

function tooSlow(what: string, limit: 'idleMs' | 'totalMs'): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_BODY_STALLED',
    message: `The form ${what}; nothing was stored. Send it faster, or raise timeouts.${limit}.`,
  });
}

import { WxCloudStorageError } from '../errors/index.js';

/** The client sent nothing for too long. */
export function stalled(idleMs: number): WxCloudStorageError {
  return tooSlow(`did not go on for ${idleMs} ms`, 'idleMs');
}

/** The client went on, but takes too long altogether. */
export function tookTooLong(totalMs: number): WxCloudStorageError {
  return tooSlow(`took longer than ${totalMs} ms`, 'totalMs');
}

function tooSlow(what: string, limit: 'idleMs' | 'totalMs'): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_BODY_STALLED',
    message: `The form ${what}; nothing was stored. Send it faster, or raise timeouts.${limit}.`,
  });
}

import { createHmac } from 'node:crypto';
import type { ResolvedTokenCallAuth } from '../options/index.js';

const SECRET_MARK_LABEL = 'nestjs-wx-cloud-storage secret mark, 1';
/** Enough to tell secrets apart, and too little to find one by. */
const SECRET_MARK_CHARACTERS = 22;

/**
 * The name under which a token is kept and shared: tokens belong to the AppID, whatever the
 * environment. It ends with a mark of the AppSecret, so that a wrong secret does not get the token
 * of the right one. The mark is an HMAC with the secret as its key.
 */
export function tokenOwner({ appid, type, secret }: ResolvedTokenCallAuth): string {
  const mark = createHmac('sha256', secret.reveal())
    .update(JSON.stringify([SECRET_MARK_LABEL, appid, type]))
    .digest('base64url')
    .slice(0, SECRET_MARK_CHARACTERS);
  return `${appid}:${type}:${mark}`;
}

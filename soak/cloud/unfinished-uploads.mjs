import { createHash, createHmac } from 'node:crypto';

const SIGNATURE_SECONDS = 600;
const hmac = (key, text) => createHmac('sha1', key).update(text).digest('hex');

/**
 * Lists the multipart uploads that were neither completed nor aborted, by the file IDs of their
 * objects. Asks the bucket itself.
 */
export async function listUnfinishedUploads({ env, bucket, cosEndpoint, sidecarUrl }) {
  const keys = await (await fetch(`${sidecarUrl}/_/cos/getauth`, CLOSING)).json();
  const response = await fetch(`${cosEndpoint}/?uploads`, {
    headers: {
      ...CLOSING.headers,
      authorization: sign(keys, '/', 'uploads'),
      'x-cos-security-token': keys.Token,
    },
  });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`uploads cannot be listed: ${text}`);
  return [...text.matchAll(/<Upload>\s*<Key>([^<]*)<\/Key>/g)].map(
    ([, key]) => `cloud://${env}.${bucket}/${key}`,
  );
}

/** Leaves no idle connection, which would count as one of the application. */
const CLOSING = { headers: { connection: 'close' } };

/** Signs a GET request with one parameter that has no value. */
function sign({ TmpSecretId: id, TmpSecretKey: key }, path, parameter) {
  const now = Math.floor(Date.now() / 1_000);
  const time = `${now - 60};${now + SIGNATURE_SECONDS}`;
  const digest = createHash('sha1').update(`get\n${path}\n${parameter}=\n\n`).digest('hex');
  const signature = hmac(hmac(key, time), `sha1\n${time}\n${digest}\n`);
  return (
    `q-sign-algorithm=sha1&q-ak=${id}&q-sign-time=${time}&q-key-time=${time}` +
    `&q-header-list=&q-url-param-list=${parameter}&q-signature=${signature}`
  );
}

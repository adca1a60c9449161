import { createHash, createHmac } from 'node:crypto';

/** What a COS signature is made from. */
export interface CosSignatureParts {
  /** Names the key. */
  readonly secretId: string;
  /** The key. */
  readonly secretKey: string;
  /** `<start>;<end>` in unix seconds. */
  readonly keyTime: string;
  /** The HTTP method. */
  readonly method: string;
  /** The path, decoded, with its leading slash. */
  readonly path: string;
}

/** The signature string of a request, without any header or parameter in it. @see https://cloud.tencent.com/document/api/436/7778 */
export function signCosRequest(parts: CosSignatureParts): string {
  const { secretId, secretKey, keyTime, method, path } = parts;
  const signKey = createHmac('sha1', secretKey).update(keyTime).digest('hex');
  const httpString = `${method.toLowerCase()}\n${path}\n\n\n`;
  const digest = createHash('sha1').update(httpString).digest('hex');
  const signature = createHmac('sha1', signKey)
    .update(`sha1\n${keyTime}\n${digest}\n`)
    .digest('hex');
  return (
    `q-sign-algorithm=sha1&q-ak=${secretId}&q-sign-time=${keyTime}&q-key-time=${keyTime}` +
    `&q-header-list=&q-url-param-list=&q-signature=${signature}`
  );
}

/** The end of a signature's window in unix seconds; undefined when the text is no signature. */
export function readSignatureEnd(signature: string): number | undefined {
  const end = /(?:^|&)q-sign-time=\d+;(\d+)(?:&|$)/.exec(signature)?.[1];
  return end === undefined ? undefined : Number(end);
}

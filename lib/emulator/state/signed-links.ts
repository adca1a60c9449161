import { createHash, createHmac, randomBytes } from 'node:crypto';
import type { Clock } from './emulator-options.js';
import type { MetaIds } from './meta-ids.js';
import { CosRefusal } from './refusals.js';

/** The form fields that permit one form upload. */
interface UploadGrant {
  /** Form field `x-cos-security-token`. */
  readonly securityToken: string;
  /** Form field `Signature`. */
  readonly signature: string;
  /** Form field `x-cos-meta-fileid`. */
  readonly metaFileId: string;
}

interface LinkRecord {
  readonly secretId: string;
  isExpired: boolean;
}

/** The state of a download link. */
type DownloadLinkState = 'valid' | 'expired' | 'wrong';

/** The validity of upload links, as in the documented sample. */
const WINDOW_SECONDS = 900;
/** The number of upload links that are kept; older ones are dropped. */
const MAX_RECORDS = 20_000;
const SERIAL_DIGITS = 8;

/** Reads the end of a signature's validity in Unix seconds; undefined if it is not a signature. */
function readSignatureEnd(signature: string): number | undefined {
  const end = /(?:^|&)q-sign-time=\d+;(\d+)(?:&|$)/.exec(signature)?.[1];
  return end === undefined ? undefined : Number(end);
}

/** Issues upload links and verifies the forms that use them. */
export class UploadLinks {
  readonly #records = new Map<string, LinkRecord>();
  readonly #secretKey = randomBytes(20).toString('hex');
  readonly #clock: Clock;
  readonly #metaIds: MetaIds;

  /** Creates a new key, so that links of an earlier start are invalid. */
  constructor(clock: Clock, metaIds: MetaIds) {
    this.#clock = clock;
    this.#metaIds = metaIds;
  }

  /** Issues a link for one path that is valid for 900 seconds. */
  issue(path: string): UploadGrant {
    const start = Math.floor(this.#clock.now() / 1_000);
    const secretId = `AKID${randomBytes(16).toString('hex')}`;
    const securityToken = randomBytes(120).toString('base64url');
    this.#records.set(securityToken, { secretId, isExpired: false });
    const [oldest] = this.#records.keys();
    if (this.#records.size > MAX_RECORDS && oldest !== undefined) this.#records.delete(oldest);
    const keyTime = `${start};${start + WINDOW_SECONDS}`;
    return {
      securityToken,
      signature: this.#sign(path, secretId, keyTime),
      metaFileId: this.#metaIds.encode({ openid: '', path }),
    };
  }

  /**
   * Checks that a link permits a form with these fields.
   * @throws {@link CosRefusal}
   */
  verify({
    key,
    signature,
    securityToken,
  }: Readonly<Record<'key' | 'signature' | 'securityToken', string>>): void {
    const record = this.#records.get(securityToken);
    if (record === undefined || !signature.includes(`q-ak=${record.secretId}&`)) {
      throw new CosRefusal(
        'InvalidAccessKeyId',
        'The Access Key Id you provided does not exist in our records.',
      );
    }
    const end = readSignatureEnd(signature);
    const keyTime = end === undefined ? '' : `${end - WINDOW_SECONDS};${end}`;
    if (signature !== this.#sign(key, record.secretId, keyTime)) {
      throw new CosRefusal(
        'SignatureDoesNotMatch',
        'The Signature you specified is invalid. Check the key and the signature.',
      );
    }
    if (record.isExpired || end === undefined || this.#clock.now() / 1_000 > end) {
      throw new CosRefusal('AccessDenied', 'Request has expired');
    }
  }

  /** Expires all links issued so far. */
  expireAll(): void {
    for (const record of this.#records.values()) record.isExpired = true;
  }

  /** Deletes all links. */
  clear(): void {
    this.#records.clear();
  }

  /**
   * Creates the signature of a form upload; it covers no headers and no parameters. `keyTime` is
   * `<start>;<end>` in Unix seconds.
   * @see https://cloud.tencent.com/document/api/436/7778
   */
  #sign(cloudPath: string, secretId: string, keyTime: string): string {
    const signKey = createHmac('sha1', this.#secretKey).update(keyTime).digest('hex');
    const digest = createHash('sha1').update(`post\n/${cloudPath}\n\n\n`).digest('hex');
    const signature = createHmac('sha1', signKey)
      .update(`sha1\n${keyTime}\n${digest}\n`)
      .digest('hex');
    return (
      `q-sign-algorithm=sha1&q-ak=${secretId}&q-sign-time=${keyTime}&q-key-time=${keyTime}` +
      `&q-header-list=&q-url-param-list=&q-signature=${signature}`
    );
  }
}

/** Issues and checks download links, which are signed by the parameters `sign` and `t`. */
export class SignedDownloadLinks {
  readonly #clock: Clock;
  #key = randomBytes(32);
  #serial = 0;
  #expiredUpTo = 0;

  /** Creates a new key, so that links of an earlier start are invalid. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Issues a link to a path and returns its query: `sign=<hex>&t=<Unix seconds>`. */
  issue(path: string, maxAgeSeconds: number): string {
    this.#serial += 1;
    const serial = this.#serial.toString(16).padStart(SERIAL_DIGITS, '0');
    const t = String(Math.ceil(this.#clock.now() / 1_000 + maxAgeSeconds));
    return `sign=${this.#sign(serial, path, t)}&t=${t}`;
  }

  /** Checks the query of a link to a path; ignores other parameters. */
  check(path: string, query: URLSearchParams): DownloadLinkState {
    const sign = query.get('sign') ?? '';
    const t = query.get('t') ?? '';
    const serial = sign.slice(0, SERIAL_DIGITS);
    if (sign !== this.#sign(serial, path, t)) return 'wrong';
    const isExpired =
      Number.parseInt(serial, 16) <= this.#expiredUpTo || this.#clock.now() / 1_000 >= Number(t);
    return isExpired ? 'expired' : 'valid';
  }

  /** Expires all links issued so far. */
  expireAll(): void {
    this.#expiredUpTo = this.#serial;
  }

  /** Makes all links issued so far invalid. */
  clear(): void {
    this.#key = randomBytes(32);
    this.#serial = 0;
    this.#expiredUpTo = 0;
  }

  #sign(serial: string, path: string, t: string): string {
    const mac = createHmac('sha256', this.#key).update(`${serial}\n${t}\n${path}`).digest('hex');
    return serial + mac.slice(0, 32);
  }
}

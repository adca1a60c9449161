import { createHash, createHmac, randomBytes } from 'node:crypto';
import type { Clock } from './emulator-options.js';
import { CosRefusal } from './refusals.js';

/** What lets one form upload pass. */
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

type DownloadLinkState = 'valid' | 'expired' | 'wrong';

/** As in the documented sample. */
const WINDOW_SECONDS = 900;
/** Older links are forgotten. */
const MAX_RECORDS = 20_000;
const SERIAL_DIGITS = 8;

/** The end of a signature's window in unix seconds; undefined when the text is no signature. */
function readSignatureEnd(signature: string): number | undefined {
  const end = /(?:^|&)q-sign-time=\d+;(\d+)(?:&|$)/.exec(signature)?.[1];
  return end === undefined ? undefined : Number(end);
}

/** Hands out upload links, and checks the forms that come with them. */
export class UploadLinks {
  readonly #records = new Map<string, LinkRecord>();
  readonly #secretKey = randomBytes(20).toString('hex');
  readonly #clock: Clock;

  /** Signs with a key of its own, so that links of an earlier start do not verify. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A link for one path, valid for 900 seconds. */
  issue(path: string): UploadGrant {
    const start = Math.floor(this.#clock.now() / 1_000);
    const secretId = `AKID${randomBytes(16).toString('hex')}`;
    const securityToken = randomBytes(120).toString('base64url');
    this.#records.set(securityToken, { secretId, isExpired: false });
    const [oldest] = this.#records.keys();
    if (this.#records.size > MAX_RECORDS && oldest !== undefined) this.#records.delete(oldest);
    const keyTime = `${start};${start + WINDOW_SECONDS}`;
    const nonce = randomBytes(16).toString('base64url');
    return {
      securityToken,
      signature: this.#sign(path, secretId, keyTime),
      metaFileId: `${nonce}.${this.#seal(nonce, path)}`,
    };
  }

  /** Makes sure that a link allows a form. @throws {@link CosRefusal} */
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

  /**
   * True when an `x-cos-meta-fileid` belongs to a path; only then does the object's file ID live.
   */
  isMetaFileIdOf(path: string, metaFileId: string | undefined): boolean {
    const [nonce = '', seal = ''] = (metaFileId ?? '').split('.');
    return seal === this.#seal(nonce, path);
  }

  /** Lets every link issued so far be expired. */
  expireAll(): void {
    for (const record of this.#records.values()) record.isExpired = true;
  }

  /** Forgets every link. */
  clear(): void {
    this.#records.clear();
  }

  /**
   * The signature string of a form upload, without any header or parameter in it. `keyTime` is
   * `<start>;<end>` in unix seconds.
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

  #seal(nonce: string, path: string): string {
    return createHmac('sha256', this.#secretKey).update(`${nonce}\n${path}`).digest('base64url');
  }
}

/** Signs download links with `sign` and `t`, and checks them. */
export class SignedDownloadLinks {
  readonly #clock: Clock;
  #key = randomBytes(32);
  #serial = 0;
  #expiredUpTo = 0;

  /** Signs with a key of its own, so that links of an earlier start do not verify. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * The query of a link to a path that is valid for so many seconds: `sign=<hex>&t=<unix seconds>`.
   */
  issue(path: string, maxAgeSeconds: number): string {
    this.#serial += 1;
    const serial = this.#serial.toString(16).padStart(SERIAL_DIGITS, '0');
    const t = String(Math.ceil(this.#clock.now() / 1_000 + maxAgeSeconds));
    return `sign=${this.#sign(serial, path, t)}&t=${t}`;
  }

  /** What the query of a link to a path is worth now; other parameters in it do not count. */
  check(path: string, query: URLSearchParams): DownloadLinkState {
    const sign = query.get('sign') ?? '';
    const t = query.get('t') ?? '';
    const serial = sign.slice(0, SERIAL_DIGITS);
    if (sign !== this.#sign(serial, path, t)) return 'wrong';
    const isExpired =
      Number.parseInt(serial, 16) <= this.#expiredUpTo || this.#clock.now() / 1_000 >= Number(t);
    return isExpired ? 'expired' : 'valid';
  }

  /** Lets every link issued so far be expired. */
  expireAll(): void {
    this.#expiredUpTo = this.#serial;
  }

  /** Lets no link issued so far verify. */
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

import { createHmac, randomBytes } from 'node:crypto';
import type { Clock } from './clock.js';
import { readSignatureEnd, signCosRequest } from './cos-signature.js';
import { CosRefusal } from './refusals.js';

/** What lets one form upload pass. */
export interface UploadGrant {
  /** Form field `x-cos-security-token`. */
  readonly securityToken: string;
  /** Form field `Signature`. */
  readonly signature: string;
  /** Form field `x-cos-meta-fileid`. */
  readonly metaFileId: string;
}

/** What a form upload claims. */
export interface UploadClaim {
  /** Form field `key`. */
  readonly key: string;
  /** Form field `Signature`. */
  readonly signature: string;
  /** Form field `x-cos-security-token`. */
  readonly securityToken: string;
}

interface LinkRecord {
  readonly secretId: string;
  isExpired: boolean;
}

/** As in the documented sample. */
const WINDOW_SECONDS = 900;
/** Older links are forgotten. */
const MAX_RECORDS = 20_000;

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
      signature: this.#sign({ secretId, keyTime, path }),
      metaFileId: `${nonce}.${this.#seal(nonce, path)}`,
    };
  }

  /** Makes sure that a link allows a form. @throws {@link CosRefusal} */
  verify({ key, signature, securityToken }: UploadClaim): void {
    const record = this.#records.get(securityToken);
    if (record === undefined || !signature.includes(`q-ak=${record.secretId}&`)) {
      throw new CosRefusal(
        'InvalidAccessKeyId',
        'The Access Key Id you provided does not exist in our records.',
      );
    }
    const end = readSignatureEnd(signature);
    const keyTime = end === undefined ? '' : `${end - WINDOW_SECONDS};${end}`;
    if (signature !== this.#sign({ secretId: record.secretId, keyTime, path: key })) {
      throw new CosRefusal(
        'SignatureDoesNotMatch',
        'The Signature you specified is invalid. Check the key and the signature.',
      );
    }
    if (record.isExpired || end === undefined || this.#clock.now() / 1_000 > end) {
      throw new CosRefusal('AccessDenied', 'Request has expired');
    }
  }

  /** Whether an `x-cos-meta-fileid` belongs to a path; only then does the object's file ID live. */
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

  #sign(parts: {
    readonly secretId: string;
    readonly keyTime: string;
    readonly path: string;
  }): string {
    const path = `/${parts.path}`;
    return signCosRequest({ ...parts, path, method: 'post', secretKey: this.#secretKey });
  }

  #seal(nonce: string, path: string): string {
    return createHmac('sha256', this.#secretKey).update(`${nonce}\n${path}`).digest('base64url');
  }
}

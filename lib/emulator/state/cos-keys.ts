import { createHmac, randomBytes } from 'node:crypto';
import type { ResolvedCosOptions } from './cos-options.js';
import type { Clock } from './emulator-options.js';
import { CosRefusal } from './refusals.js';

/** Temporary keys for the bucket. */
interface TemporaryKeys {
  /** The `TmpSecretId`. */
  readonly secretId: string;
  /** The `TmpSecretKey`. */
  readonly secretKey: string;
  /** The `Token`: the header `x-cos-security-token`. */
  readonly securityToken: string;
  /** The end of their validity in Unix seconds. */
  readonly endSeconds: number;
}

const SERIAL_DIGITS = 8;
const PREFIX = 'AKID';

/** Issues temporary keys for the bucket, and finds the secret key of a request. */
export class CosKeys {
  readonly #options: ResolvedCosOptions;
  readonly #clock: Clock;
  #master = randomBytes(32);
  #serial = 0;
  #expiredUpTo = 0;

  /** Creates a new master key, so that temporary keys of an earlier start are invalid. */
  constructor(options: ResolvedCosOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  /** Issues temporary keys. They are derived from the master key; nothing is kept of them. */
  issue(): TemporaryKeys {
    this.#serial += 1;
    const serial = this.#serial.toString(16).padStart(SERIAL_DIGITS, '0');
    const secretId = `${PREFIX}${serial}${randomBytes(24).toString('hex')}`;
    const endSeconds = Math.floor(this.#clock.now() / 1_000) + this.#options.keyTtlSeconds;
    return {
      secretId,
      secretKey: this.#derive('key', secretId),
      securityToken: this.#toToken(secretId, endSeconds),
      endSeconds,
    };
  }

  /**
   * Returns the secret key that belongs to a secret ID and a security token.
   * @throws {@link CosRefusal} InvalidAccessKeyId or ExpiredToken
   */
  secretKeyOf(secretId: string, securityToken: string | undefined): string {
    const permanent = this.#options.keys.find(keys => keys.secretId === secretId);
    if (permanent !== undefined) return permanent.secretKey;
    const end = /\.(\d{10})$/.exec(securityToken ?? '')?.[1];
    if (end === undefined || securityToken !== this.#toToken(secretId, Number(end))) {
      throw new CosRefusal(
        'InvalidAccessKeyId',
        'The Access Key Id you provided does not exist in our records.',
      );
    }
    const serial = Number.parseInt(
      secretId.slice(PREFIX.length, PREFIX.length + SERIAL_DIGITS),
      16,
    );
    if (serial <= this.#expiredUpTo || this.#clock.now() / 1_000 >= Number(end)) {
      throw new CosRefusal('ExpiredToken', 'The token has expired.');
    }
    return this.#derive('key', secretId);
  }

  /** Expires all temporary keys issued so far. */
  expireAll(): void {
    this.#expiredUpTo = this.#serial;
  }

  /** Makes all temporary keys issued so far unknown. */
  clear(): void {
    this.#master = randomBytes(32);
    this.#serial = 0;
    this.#expiredUpTo = 0;
  }

  #toToken(secretId: string, endSeconds: number): string {
    return `${this.#derive(`token ${endSeconds}`, secretId)}.${endSeconds}`;
  }

  #derive(purpose: string, secretId: string): string {
    return createHmac('sha256', this.#master).update(`${purpose}\n${secretId}`).digest('base64url');
  }
}

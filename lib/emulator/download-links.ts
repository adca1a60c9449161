import { createHmac, randomBytes } from 'node:crypto';
import type { Clock } from './clock.js';

/** What a download link is worth. */
export type DownloadLinkState = 'valid' | 'expired' | 'wrong';

const SERIAL_DIGITS = 8;

/** Signs download links with `sign` and `t`, and checks them. */
export class DownloadLinks {
  readonly #clock: Clock;
  #key = randomBytes(32);
  #serial = 0;
  #expiredUpTo = 0;

  /** Signs with a key of its own, so that links of an earlier start do not verify. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The query of a link to a path that is valid for so many seconds: `sign=<hex>&t=<unix seconds>`. */
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

import { randomBytes } from 'node:crypto';
import type { Clock } from './emulator-options.js';
import { ApiRefusal } from './refusals.js';

/** An issued access token. */
export interface IssuedToken {
  /** The token. */
  readonly token: string;
  /** The remaining lifetime in whole seconds, at least 1. */
  readonly expiresInSeconds: number;
}

/** The state of an access token. */
export type TokenState = 'valid' | 'replaced' | 'expired' | 'unknown';

/** The parameter by which a token is sent. */
export type TokenKind = 'access_token' | 'cloudbase_access_token';

interface TokenRecord {
  readonly token: string;
  readonly kind: TokenKind;
  expiresAtMs: number;
  /** The time from which a newer token has replaced it. */
  voidAtMs: number;
}

/**
 * The time for which a replaced classic token stays valid, and the remaining lifetime at which a
 * stable token is renewed.
 * @see https://developers.weixin.qq.com/doc/service/guide/dev/api
 */
const OVERLAP_MS = 300_000;
/**
 * The lifetime of tokens in containers.
 * @see https://developers.weixin.qq.com/minigame/dev/wxcloud/guide/container/cloudcall.html
 */
const CLOUDBASE_LIFE_MS = 1_800_000;
const FORCED_INTERVAL_MS = 30_000;
const FORCED_PER_DAY = 20;
const DAY_MS = 86_400_000;
/** The number of tokens that are kept; older ones are dropped. */
const MAX_RECORDS = 20_000;

/** Issues tokens and tracks their state. A token never replaces one of another kind. */
export class TokenIssuer {
  readonly #records = new Map<string, TokenRecord>();
  readonly #clock: Clock;
  readonly #lifeMs: number;
  #classic: TokenRecord | undefined;
  #stable: TokenRecord | undefined;
  #forcedAtMs: number[] = [];

  /** Creates an issuer without tokens. */
  constructor(ttlSeconds: number, clock: Clock) {
    this.#lifeMs = ttlSeconds * 1_000;
    this.#clock = clock;
  }

  /** Issues a new token. The previous one stays valid for 5 minutes. */
  issueClassic(): IssuedToken {
    const now = this.#clock.now();
    if (this.#classic !== undefined) this.#classic.voidAtMs = now + OVERLAP_MS;
    this.#classic = this.#create(now);
    return this.#toIssued(this.#classic, now);
  }

  /**
   * Issues the same token until 5 minutes before it expires, or half its lifetime if that is
   * shorter; then a new one.
   */
  issueStable(): IssuedToken {
    const now = this.#clock.now();
    const margin = Math.min(OVERLAP_MS, this.#lifeMs / 2);
    if (this.#stable === undefined || this.#stable.expiresAtMs - now < margin) {
      this.#stable = this.#create(now);
    }
    return this.#toIssued(this.#stable, now);
  }

  /**
   * Issues a new token; the previous one is invalid at once. Within 30 seconds of the last forced
   * refresh, issues the current one.
   * @throws {@link ApiRefusal} 45009 after 20 forced refreshes within 24 hours
   */
  issueForced(): IssuedToken {
    const now = this.#clock.now();
    this.#forcedAtMs = this.#forcedAtMs.filter(time => now - time < DAY_MS);
    const last = this.#forcedAtMs.at(-1);
    if (last !== undefined && now - last < FORCED_INTERVAL_MS) return this.issueStable();
    if (this.#forcedAtMs.length >= FORCED_PER_DAY) {
      throw new ApiRefusal(45009, 'reach max api daily quota limit');
    }
    this.#forcedAtMs.push(now);
    if (this.#stable !== undefined) this.#stable.voidAtMs = now;
    this.#stable = this.#create(now);
    return this.#toIssued(this.#stable, now);
  }

  /** Issues a new token of a container's file. The previous ones stay valid. */
  issueCloudbase(): string {
    const now = this.#clock.now();
    return this.#create(now, CLOUDBASE_LIFE_MS, 'cloudbase_access_token').token;
  }

  /** Returns the state of a token that is sent by this parameter. */
  stateOf(token: string, kind: TokenKind): TokenState {
    const record = this.#records.get(token);
    const now = this.#clock.now();
    if (record === undefined || record.kind !== kind) return 'unknown';
    if (now >= record.expiresAtMs) return 'expired';
    return now >= record.voidAtMs ? 'replaced' : 'valid';
  }

  /** Expires all tokens issued so far. */
  expireAll(): void {
    const now = this.#clock.now();
    for (const record of this.#records.values())
      record.expiresAtMs = Math.min(record.expiresAtMs, now);
    this.#classic = undefined;
    this.#stable = undefined;
  }

  /** Deletes all tokens and the count of forced refreshes. */
  clear(): void {
    this.#records.clear();
    this.#classic = undefined;
    this.#stable = undefined;
    this.#forcedAtMs = [];
  }

  #create(now: number, lifeMs = this.#lifeMs, kind: TokenKind = 'access_token'): TokenRecord {
    const token = randomBytes(96).toString('base64url');
    const record = { token, kind, expiresAtMs: now + lifeMs, voidAtMs: Infinity };
    this.#records.set(token, record);
    const [oldest] = this.#records.keys();
    if (this.#records.size > MAX_RECORDS && oldest !== undefined) this.#records.delete(oldest);
    return record;
  }

  #toIssued({ token, expiresAtMs }: TokenRecord, now: number): IssuedToken {
    return { token, expiresInSeconds: Math.max(1, Math.floor((expiresAtMs - now) / 1_000)) };
  }
}

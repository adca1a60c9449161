import { randomBytes } from 'node:crypto';
import type { Clock } from './emulator-options.js';
import { ApiRefusal } from './refusals.js';

/** An access token that was handed out. */
export interface IssuedToken {
  /** The token. */
  readonly token: string;
  /** Whole seconds until it expires, 1 at least. */
  readonly expiresInSeconds: number;
}

/** What an access token is worth. */
export type TokenState = 'valid' | 'replaced' | 'expired' | 'unknown';

/** By which parameter a token is sent. */
export type TokenKind = 'access_token' | 'cloudbase_access_token';

interface TokenRecord {
  readonly token: string;
  readonly kind: TokenKind;
  expiresAtMs: number;
  /** From then on a newer token has taken its place. */
  voidAtMs: number;
}

/**
 * How long a classic token outlives its successor, and how early the platform renews a stable one.
 * @see https://developers.weixin.qq.com/doc/service/guide/dev/api
 */
const OVERLAP_MS = 300_000;
/** @see https://developers.weixin.qq.com/minigame/dev/wxcloud/guide/container/cloudcall.html */
const CLOUDBASE_LIFE_MS = 1_800_000;
const FORCED_INTERVAL_MS = 30_000;
const FORCED_PER_DAY = 20;
const DAY_MS = 86_400_000;
/** Older tokens are forgotten. */
const MAX_RECORDS = 20_000;

/** Hands out tokens of all kinds, and knows what became of them. One kind never voids another. */
export class TokenIssuer {
  readonly #records = new Map<string, TokenRecord>();
  readonly #clock: Clock;
  readonly #lifeMs: number;
  #classic: TokenRecord | undefined;
  #stable: TokenRecord | undefined;
  #forcedAtMs: number[] = [];

  /** Has issued no token yet. */
  constructor(ttlSeconds: number, clock: Clock) {
    this.#lifeMs = ttlSeconds * 1_000;
    this.#clock = clock;
  }

  /** A new token each time; the one before is void 5 minutes later. */
  issueClassic(): IssuedToken {
    const now = this.#clock.now();
    if (this.#classic !== undefined) this.#classic.voidAtMs = now + OVERLAP_MS;
    this.#classic = this.#create(now);
    return this.#toIssued(this.#classic, now);
  }

  /**
   * The same token while it is valid, until 5 minutes before it expires (half its life, if that is
   * shorter).
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
   * A new token; the ones before are void at once. Within 30 seconds of the last time, the current
   * one.
   * @throws {@link ApiRefusal} 45009 from the 21st time of a day on
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

  /**
   * A new token each time, as the platform writes it into a container's file; the ones before live
   * on.
   */
  issueCloudbase(): string {
    const now = this.#clock.now();
    return this.#create(now, CLOUDBASE_LIFE_MS, 'cloudbase_access_token').token;
  }

  /** What a token is worth now, sent by this parameter. */
  stateOf(token: string, kind: TokenKind): TokenState {
    const record = this.#records.get(token);
    const now = this.#clock.now();
    if (record === undefined || record.kind !== kind) return 'unknown';
    if (now >= record.expiresAtMs) return 'expired';
    return now >= record.voidAtMs ? 'replaced' : 'valid';
  }

  /** Lets every token issued so far be expired. */
  expireAll(): void {
    const now = this.#clock.now();
    for (const record of this.#records.values())
      record.expiresAtMs = Math.min(record.expiresAtMs, now);
    this.#classic = undefined;
    this.#stable = undefined;
  }

  /** Forgets every token, and how often a refresh was forced. */
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

import { isUint8Array } from 'node:util/types';

/** A token's value as Redis gave it. */
export interface ReadValue {
  /** What was kept. */
  readonly value: string;
  /** How long it still lives, in milliseconds; more than 0. */
  readonly expiresInMs: number;
}

/** A lock as Redis gave it. */
export interface TakenLock {
  /** Its fence. */
  readonly fence: number;
  /** Redis's time at that moment, in microseconds. */
  readonly redisTimeUs: number;
}

/** Reads the reply of `READ_TOKEN`; what never expires was not written by this store. */
export function decodeReadValue(reply: unknown): ReadValue | undefined {
  const [value, life] = listOf(reply);
  const text = textOf(value);
  const expiresInMs = numberOf(life);
  return text !== undefined && expiresInMs > 0 ? { value: text, expiresInMs } : undefined;
}

/** Reads the reply of `TAKE_LOCK`. */
export function decodeTakenLock(reply: unknown): TakenLock | undefined {
  const [fence, redisTimeUs] = listOf(reply);
  return fence === undefined
    ? undefined
    : { fence: numberOf(fence), redisTimeUs: numberOf(redisTimeUs) };
}

/** Reads the reply of `WRITE_TOKEN`. */
export function decodeWritten(reply: unknown): boolean {
  return numberOf(reply) === 1;
}

function listOf(reply: unknown): readonly unknown[] {
  return Array.isArray(reply) ? reply : [];
}

/** Clients can be set up to give buffers for texts. */
function textOf(value: unknown): string | undefined {
  if (isUint8Array(value)) return Buffer.from(value).toString('utf8');
  return typeof value === 'string' ? value : undefined;
}

/** Clients can be set up to give texts or big integers for numbers. */
function numberOf(value: unknown): number {
  return Number(textOf(value) ?? value);
}

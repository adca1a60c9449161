import { setTimeout as delay } from 'node:timers/promises';

/** The timeout for becoming idle. */
export const LONGEST_IDLE_WAIT_MS = 30_000;
/** The interval of looks. */
export const LOOK_MS = 100;
/** The number of consecutive looks that must be equal. */
const IDLE_LOOKS = 5;

/**
 * Looks until a state is idle and does not change, for half a minute at most. Resolves with the
 * last state, and whether it was idle.
 */
export async function untilIdle(look, isIdle) {
  const endMs = performance.now() + LONGEST_IDLE_WAIT_MS;
  for (let looks = 0, before = ''; ;) {
    const state = await look();
    const looked = JSON.stringify(state);
    looks = isIdle(state) && looked === before ? looks + 1 : 0;
    before = looked;
    if (looks === IDLE_LOOKS || performance.now() > endMs)
      return { isIdle: looks === IDLE_LOOKS, ...state };
    await delay(LOOK_MS);
  }
}

/** @see https://developers.weixin.qq.com/doc/service/api/base/api_getstableaccesstoken */
const TIMES_A_DAY = 20;
const INTERVAL_MS = 30_000;
const DAY_MS = 86_400_000;

/** How often this process may force a new stable token: 20 times in 24 hours, 30 seconds apart, as WeChat allows. */
export class ForcedRefreshBudget {
  readonly #nowMs: () => number;
  #takenAtMs: readonly number[] = [];

  /** `nowMs` is a clock that is never set. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Takes one time, or answers false when none is left or the last one was too recent. */
  take(): boolean {
    const nowMs = this.#nowMs();
    const recent = this.#takenAtMs.filter(time => nowMs - time < DAY_MS);
    const last = recent.at(-1) ?? -Infinity;
    if (recent.length >= TIMES_A_DAY || nowMs - last < INTERVAL_MS) return false;
    this.#takenAtMs = [...recent, nowMs];
    return true;
  }
}

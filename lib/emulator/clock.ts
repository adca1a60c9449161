/** Tells the time. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
}

/** Starts at the system's time and then never goes back, whatever is done to the system's clock. */
export const monotonicClock: Clock = {
  now: () => performance.timeOrigin + performance.now(),
};

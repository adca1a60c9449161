/** What the route `/limited` of the application takes, and what the load generator goes beyond. */
export const LIMIT_BYTES = 262_144;

/**
 * Short, so that a hanging exchange and a client that does not go on end soon; long enough for a
 * busy machine.
 */
export const TIMEOUTS = { connectMs: 2_000, headersMs: 1_500, idleMs: 2_000, totalMs: 6_000 };

/**
 * What all text of a form may take, and how many fields it may have: the defaults of the package.
 */
export const MOST_TEXT_BYTES = 2_097_152;
export const MOST_FIELDS = 256;

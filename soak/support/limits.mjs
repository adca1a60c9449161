/** The limit of the application's route `/limited`, which the load generator exceeds. */
export const LIMIT_BYTES = 262_144;

/**
 * Timeouts that are short, so that hanging exchanges and stalled clients end soon, but long enough
 * for a busy machine.
 */
export const TIMEOUTS = { connectMs: 2_000, headersMs: 1_500, idleMs: 2_000, totalMs: 6_000 };

/** The size of the parts in which large files go to the bucket; the smallest that is allowed. */
export const PART_BYTES = 1_048_576;

/** The limits for the text and the number of fields of a form: the defaults of the package. */
export const MOST_TEXT_BYTES = 2_097_152;
export const MOST_FIELDS = 256;

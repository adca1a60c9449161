/** What the route `/limited` of the application takes, and what the load generator goes beyond. */
export const LIMIT_BYTES = 262_144;

/** What a request is answered with when the cloud fails for good. */
export const CLOUD_FAILED = [502, 503, 504];
/** What a form is answered with when all memory for uploads is in use. */
export const FULL = 503;

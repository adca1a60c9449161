/** The responses to a request when the cloud fails permanently. */
export const CLOUD_FAILED = [502, 503, 504];
/** The response to a form when all memory for uploads is in use. */
export const FULL = 503;

/** The responses to a request when the cloud fails permanently. */
export const CLOUD_FAILED = [502, 503, 504];
/** The response where the keys lack a right, and there is no other way. */
export const UNSUPPORTED = 501;
/** The response to a form when all memory for uploads is in use. */
export const FULL = 503;

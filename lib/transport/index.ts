export { isTokenRejection, judgeItemStatus } from './api-error.js';
export {
  abortedError,
  createSharedController,
  startDeadline,
  untilAborted,
  type Deadline,
} from './deadline.js';
export { elapsedMs } from './elapsed-clock.js';
export { neverConnected } from './connection-error.js';
export { buildForm, type FormBody, type FormParts } from './form-body.js';
export { toTarget, type RequestTarget } from './request-target.js';
export type { HttpAnswer } from './answer-reader.js';
export { HttpTransport, type HttpCall, type HttpExchange } from './http-transport.js';
export type { HttpReply } from './reply-collector.js';
export { JsonApi, type JsonCall } from './json-api.js';
export { isRetryable, isTransientStatus, pauseBeforeRetry, retry, retryDelayMs } from './retry.js';

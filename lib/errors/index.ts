export type { WxCloudStorageErrorCode } from './error-code.js';
export { FileTooLargeError, type FileTooLargeErrorParts } from './file-too-large.error.js';
export {
  OptionsInvalidError,
  withSubject,
  type OptionsInvalidErrorParts,
} from './options-invalid.error.js';
export { innerError, isError, redact, toSafeCause } from './redaction.js';
export { RequestTimedOutError, type TimeoutPhase } from './request-timed-out.error.js';
export { TypeRefusedError } from './type-refused.error.js';
export { UploadRejectedError, type UploadRejectedErrorParts } from './upload-rejected.error.js';
export { WxCloudStorageError, type WxCloudStorageErrorParts } from './wx-cloud-storage.error.js';

export { assertProgressIdOption } from './progress-id.js';
export { progressListenerOf } from './report-progress.js';
export type {
  WxFileProgressed,
  WxUploadEnded,
  WxUploadProgressEvent,
} from './upload-progress-hub.js';
export { WxUploadProgress, type WxUploadProgressMessage } from './wx-upload-progress.js';

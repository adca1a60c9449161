export {
  observed,
  requestChannel,
  tokenChannel,
  uploadChannel,
  type WxCloudRequestEvent,
  type WxCloudTokenEvent,
  type WxCloudUploadEvent,
} from './channels.js';
export { LOG_CONTEXT, type StorageLogger } from './storage-logger.js';

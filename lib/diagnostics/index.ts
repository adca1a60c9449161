export {
  observed,
  requestChannel,
  tokenChannel,
  uploadChannel,
  type WxCloudRequestEvent,
  type WxCloudTokenEvent,
  type WxCloudUploadEvent,
} from './channels.js';

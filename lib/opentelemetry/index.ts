export {
  instrumentWxCloudStorage,
  type WxCloudInstrumentation,
  type WxCloudInstrumentationOptions,
} from './instrument.js';

export type {
  WxCloudOutgoingFile,
  WxCloudReply,
  WxCloudReplyOptions,
  WxCloudReplyPathFactory,
} from './reply-options.js';
export { WxCloudReplyInterceptor } from './wx-cloud-reply.interceptor.js';

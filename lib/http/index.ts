export * from './pipes/index.js';
export * from './reply/index.js';
export * from './serve/index.js';
export {
  WxUploadProgress,
  type WxFileProgressed,
  type WxUploadEnded,
  type WxUploadProgressEvent,
  type WxUploadProgressMessage,
} from './progress/index.js';
export { registrarProvider } from './application-instances.js';
export {
  DEFAULT_INSTANCE,
  namedServiceToken,
  registerService,
  registerServiceClass,
} from './service-class.js';
export { FileId, FileIds } from './file-id.decorator.js';
export { RouteChecks } from './route-checks.js';
export { toHttpException } from './http-exception.js';
export { WxCloudExceptionFilter } from './wx-cloud-exception.filter.js';
export type { EngineStream } from './engine-stream.js';
export { wxCloudUpload, type EngineFile, type WxCloudUploadEngine } from './upload-engine.js';
export {
  WxCloudAnyFilesInterceptor,
  WxCloudFileFieldsInterceptor,
  WxCloudFileInterceptor,
  WxCloudFilesInterceptor,
} from './upload-interceptors.js';
export type {
  WxCloudDeclaredSize,
  WxCloudFileField,
  WxCloudIncomingFile,
  WxCloudPathFactory,
  WxCloudProgressId,
  WxCloudUploadEngineOptions,
  WxCloudUploadInterceptorOptions,
  WxCloudUploadLimits,
} from './upload-options.js';
export type { WxCloudHttpRequest } from './request-origin.js';
export { WxCloudUploadedFile } from './uploaded-file.js';

export type {
  WxCloudRequestEvent,
  WxCloudTokenEvent,
  WxCloudUploadEvent,
} from './diagnostics/index.js';
export type { UploadSource } from './body/index.js';
export { WxAccessTokenProvider } from './credentials/index.js';
export {
  FileTooLargeError,
  OptionsInvalidError,
  RequestTimedOutError,
  TypeRefusedError,
  UploadRejectedError,
  WxCloudStorageError,
  type OptionsInvalidErrorParts,
  type TimeoutPhase,
  type UploadRejectedErrorParts,
  type WxCloudStorageErrorCode,
  type WxCloudStorageErrorParts,
} from './errors/index.js';
export {
  FileId,
  FileIds,
  toHttpException,
  WxCloudAnyFilesInterceptor,
  WxCloudExceptionFilter,
  WxCloudFileFieldsInterceptor,
  WxCloudFileInterceptor,
  WxCloudFilesInterceptor,
  wxCloudUpload,
  type EngineFile,
  type EngineStream,
  type WxCloudDeclaredSize,
  type WxCloudFileField,
  type WxCloudHttpRequest,
  type WxCloudIncomingFile,
  type WxCloudPathFactory,
  type WxCloudUploadedFile,
  type WxCloudUploadEngine,
  type WxCloudUploadEngineOptions,
  type WxCloudUploadInterceptorOptions,
  type WxCloudUploadLimits,
} from './http/index.js';
export type {
  AccessTokenAuth,
  AccessTokenLock,
  AccessTokenStore,
  CloudbaseTokenAuth,
  CustomAuth,
  GivenAccessToken,
  HttpDispatcher,
  LinkOptions,
  OpenApiServiceAuth,
  RetryOptions,
  StableTokenAuth,
  StoredAccessToken,
  TimeoutOptions,
  UploadOptions,
  WxCloudAuth,
  WxCloudStorageOptions,
} from './options/index.js';
export type {
  CallOptions,
  CheckOptions,
  CheckOutcome,
  CloudDownload,
  CloudFileStat,
  DeleteOutcome,
  DownloadBufferOptions,
  DownloadUrlOptions,
  DownloadUrlOutcome,
  FileFailure,
  FileOk,
  FileOutcome,
  FileSuccess,
  StorageCheck,
  StoredCloudFile,
  UploadBodyOptions,
  UploadFileOptions,
} from './storage/index.js';
export { WxCloudFile, type WxCloudFileSource } from './wx-cloud-file.js';
export type { WxCloudStorageModuleExtras } from './wx-cloud-storage.module-definition.js';
export { WxCloudStorageModule } from './wx-cloud-storage.module.js';
export { WxCloudStorageService } from './wx-cloud-storage.service.js';
export {
  getWxAccessTokenProviderToken,
  getWxCloudStorageToken,
  InjectWxAccessTokenProvider,
  InjectWxCloudStorage,
} from './wx-cloud-storage.tokens.js';

export type { WxCloudRequestEvent, WxCloudTokenEvent, WxCloudUploadEvent } from './diagnostics.js';
export type { UploadSource } from './body/open-source.js';
export { WxAccessTokenProvider } from './wechat/tokens/wx-access-token-provider.js';
export {
  FileTooLargeError,
  OptionsInvalidError,
  RequestTimedOutError,
  TypeRefusedError,
  UploadRejectedError,
  WxCloudStorageError,
  type FileTooLargeErrorParts,
  type OptionsInvalidErrorParts,
  type TimeoutPhase,
  type UploadRejectedErrorParts,
  type WxCloudStorageErrorCode,
  type WxCloudStorageErrorParts,
} from './errors/errors.js';
export { FileId, FileIds } from './http/upload/file-id.decorator.js';
export {
  ParseFileIdPipe,
  WxCloudFilePipe,
  type WxCloudFileIdOptions,
} from './http/file-id.pipes.js';
export { toHttpException, WxCloudExceptionFilter } from './http/http-exception.js';
export {
  WxCloudAnyFilesInterceptor,
  WxCloudFileFieldsInterceptor,
  WxCloudFileInterceptor,
  WxCloudFilesInterceptor,
} from './http/upload/upload.interceptors.js';
export { WxCloudReplyInterceptor } from './http/reply/reply.interceptor.js';
export {
  wxCloudUpload,
  type EngineFile,
  type EngineStream,
  type WxCloudUploadEngine,
} from './http/upload/multer-engine.js';
export { WxCloudUploadedFile } from './http/upload/request-files.js';
export { WxUploadProgress, type WxUploadProgressMessage } from './http/upload/upload-progress.js';
export type {
  AnswerTarget,
  HijackableReply,
  ServedFileOptions,
  ServedRequest,
  ServeOptions,
} from './http/serve/serve-options.js';
export type { Disposition } from './http/serve/content-disposition.js';
export type {
  WxCloudDeclaredSize,
  WxCloudFileField,
  WxCloudIncomingFile,
  WxCloudPathFactory,
  WxCloudProgressId,
  WxCloudUploadEngineOptions,
  WxCloudUploadInterceptorOptions,
  WxCloudUploadLimits,
} from './http/upload/upload-options.js';
export type { WxCloudHttpRequest } from './http/application-registry.js';
export type {
  WxCloudOutgoingFile,
  WxCloudReply,
  WxCloudReplyOptions,
  WxCloudReplyPathFactory,
} from './http/reply/reply-options.js';
export type {
  WxFileProgressed,
  WxUploadEnded,
  WxUploadProgressEvent,
} from './http/upload-progress-hub.js';
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
  WxCloudStorageAuthOptions,
  WxCloudStorageCommonOptions,
  WxCloudStorageOptions,
  WxCloudStorageOptionsFactory,
  WxCloudStorageSecretOptions,
} from './options/options.js';
export type {
  ByteRange,
  DownloadBufferOptions,
  DownloadFileOptions,
  DownloadOptions,
  DownloadUrlOptions,
  ProgressOptions,
  StoredCloudFile,
  TransferProgress,
  UploadBodyOptions,
  UploadFileOptions,
} from './storage/call-options.js';
export type { CallOptions } from './operations/operation-registry.js';
export type { CheckOptions, CheckOutcome, StorageCheck } from './storage/self-check.js';
export type { CloudDownload } from './storage/download.js';
export type { CloudFileStat } from './storage/read-object.js';
export type { ConfirmUploadOptions } from './storage/confirm-upload.js';
export type { DeleteOutcome } from './storage/delete.js';
export type { DownloadUrlOutcome } from './storage/links.js';
export type { FileFailure, FileOk, FileOutcome, FileSuccess } from './storage/file-outcome.js';
export type { UploadForm, UploadFormOptions } from './storage/direct-upload.js';
export type {
  WxUploadEvent,
  WxUploadProgressed,
  WxUploadStored,
} from './wx-cloud-storage.service.js';
export { WxCloudFile, type WxCloudFileSource } from './storage/wx-cloud-file.js';
export type { WxCloudStorageModuleExtras } from './wx-cloud-storage.module.js';
export { WxCloudStorageModule } from './wx-cloud-storage.module.js';
export { WxCloudStorageService } from './wx-cloud-storage.service.js';
export {
  getWxAccessTokenProviderToken,
  getWxCloudStorageOptionsToken,
  getWxCloudStorageToken,
  InjectWxAccessTokenProvider,
  InjectWxCloudStorage,
} from './tokens.js';

export type {
  WxCloudCopyEvent,
  WxCloudDeleteEvent,
  WxCloudDownloadEvent,
  WxCloudFormEvent,
  WxCloudLinksEvent,
  WxCloudListEvent,
  WxCloudRequestEvent,
  WxCloudTokenEvent,
  WxCloudUploadEvent,
} from './diagnostics.js';
export type { WxCloudUploadSource } from './body/open-source.js';
export { WxAccessTokenProvider } from './wechat/tokens/wx-access-token-provider.js';
export {
  FileTooLargeError,
  OptionsInvalidError,
  RequestTimedOutError,
  TypeRefusedError,
  UploadRejectedError,
  WxCloudStorageError,
  type WxCloudTimeoutPhase,
  type WxCloudStorageErrorCode,
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
export { wxCloudUpload, type WxCloudUploadEngine } from './http/upload/multer-engine.js';
export { WxCloudUploadedFile } from './http/upload/request-files.js';
export {
  WxCloudUploadProgress,
  type WxCloudUploadProgressMessage,
} from './http/upload/upload-progress.js';
export type {
  WxCloudServedFileOptions,
  WxCloudServedRequest,
  WxCloudServedResponse,
  WxCloudServeOptions,
} from './http/serve/serve-options.js';
export type {
  WxCloudFileField,
  WxCloudIncomingFile,
  WxCloudPathFactory,
  WxCloudHeaderOrField,
  WxCloudUploadEngineOptions,
  WxCloudUploadInterceptorOptions,
  WxCloudUploadLimits,
} from './http/upload/upload-options.js';
export type { WxCloudHttpRequest } from './http/request-origin.js';
export type { WxCloudStorageChooser, WxCloudStorageOption } from './http/storage-option.js';
export type {
  WxCloudOutgoingFile,
  WxCloudReply,
  WxCloudReplyOptions,
  WxCloudReplyPathFactory,
} from './http/reply/reply-options.js';
export type { WxCloudUploadProgressEvent } from './http/upload-progress-hub.js';
export type { WxCloudTemporaryCosKeys } from './options/cos-options.js';
export type { ReplicaChannel } from './options/replica-channel.js';
export type {
  WxAccessTokenLock,
  AccessTokenStore,
  WxAccessToken,
  WxAccessTokenRequest,
  WxStoredAccessToken,
  WxCloudAuth,
  WxCloudStorageOptions,
  WxCloudStorageOptionsFactory,
} from './options/options.js';
export type {
  PendingFileStore,
  WxCloudClaimedFile,
  WxCloudPendingClaim,
  WxCloudPendingFile,
} from './pending/pending-file-store.js';
export type {
  WxCloudByteRange,
  WxCloudDownloadBufferOptions,
  WxCloudDownloadFileOptions,
  WxCloudDownloadOptions,
  WxCloudDownloadUrlOptions,
  WxCloudStoredFile,
  WxCloudTransferProgress,
  WxCloudUploadBodyOptions,
  WxCloudUploadFileOptions,
} from './storage/call-options.js';
export type { WxCloudCallOptions } from './operations/operation-registry.js';
export type {
  WxCloudCheckOptions,
  WxCloudCheckOutcome,
  WxCloudStorageCheck,
} from './storage/self-check.js';
export type { WxCloudStorageCapabilities } from './storage/capabilities.js';
export type { WxCloudCopyOptions } from './storage/copy.js';
export type { WxCloudListEntry, WxCloudListOptions } from './storage/list.js';
export type { WxCloudFileOwner } from './storage/owner.js';
export type {
  WxCloudPendingSweepOptions,
  WxCloudPendingSweepResult,
} from './storage/pending-sweep.js';
export type { WxCloudSweepOptions } from './storage/sweep.js';
export type { WxCloudUploadUrl, WxCloudUploadUrlOptions } from './storage/upload-url.js';
export type { WxCloudDownload } from './storage/download.js';
export type { WxCloudFileStat } from './storage/read-object.js';
export type { WxCloudConfirmUploadOptions } from './storage/confirm-upload.js';
export type { WxCloudDeleteOutcome } from './storage/delete.js';
export type { WxCloudDownloadUrlOutcome } from './storage/links.js';
export type { WxCloudFileOutcome } from './storage/file-outcome.js';
export type { WxCloudUploadForm, WxCloudUploadFormOptions } from './storage/direct-upload.js';
export type { WxCloudUploadWatchEvent } from './wx-cloud-storage.service.js';
export { WxCloudFile } from './storage/wx-cloud-file.js';
export { WxCloudPendingFiles } from './wx-cloud-pending-files.js';
export type { WxCloudStorageModuleExtras } from './wx-cloud-storage.module.js';
export { WxCloudStorageModule } from './wx-cloud-storage.module.js';
export { WxCloudStorageRegistry } from './wx-cloud-storage-registry.js';
export type { WxCloudOpenSettings } from './opened-instances.js';
export { WxCloudStorageService } from './wx-cloud-storage.service.js';
export {
  getWxAccessTokenProviderToken,
  getWxCloudPendingFilesToken,
  getWxCloudStorageOptionsToken,
  getWxCloudStorageToken,
  InjectWxAccessTokenProvider,
  InjectWxCloudPendingFiles,
  InjectWxCloudStorage,
} from './tokens.js';

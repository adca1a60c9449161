export type {
  ByteRange,
  DownloadBufferOptions,
  DownloadFileOptions,
  DownloadOptions,
  ProgressOptions,
  TransferProgress,
  DownloadUrlOptions,
  UploadBodyOptions,
  UploadFileOptions,
} from './call-options.js';
export type { CallOptions } from './operations.js';
export { confirmUpload, type ConfirmUploadOptions } from './confirm-upload.js';
export type { DeleteOutcome } from './delete-files.js';
export { openDownload, type CloudDownload } from './download-object.js';
export { downloadToBuffer } from './download-to-buffer.js';
export { downloadToFile } from './download-to-file.js';
export type { DownloadUrlOutcome } from './download-links.js';
export type { CloudFileStat } from './object-part.js';
export {
  unwrap,
  type FileFailure,
  type FileOk,
  type FileOutcome,
  type FileSuccess,
} from './file-outcome.js';
export { addImageRules, assertImageRules } from './image-rules.js';
export { Operations } from './operations.js';
export { removeOwnObjects } from './own-objects.js';
export {
  checkStorage,
  type CheckOptions,
  type CheckOutcome,
  type StorageCheck,
} from './self-check.js';
export { acceptAnyFileId, createDetachedContext } from './detached-context.js';
export { FailedContext, usableContext } from './failed-context.js';
export {
  closeStorageContext,
  createStorageContext,
  STORAGE_CONTEXT,
  type StorageContext,
} from './storage-context.js';
export { objectExists, statObject } from './stat-object.js';
export { assertContentType, storeAtPath } from './store-at-path.js';
export { createUploadForm, type UploadForm, type UploadFormOptions } from './upload-form.js';
export type { StoredCloudFile, UploadObjectCall } from './upload-call.js';
export { uploadObject } from './upload-object.js';

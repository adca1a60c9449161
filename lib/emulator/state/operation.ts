/** An operation of the emulator; each route has one. */
export type WxCloudEmulatorOperation =
  | 'token'
  | 'stable-token'
  | 'upload-link'
  | 'post-object'
  | 'download-links'
  | 'delete-files'
  | 'get-object'
  | 'head-object'
  | 'cos-keys'
  | 'encode-metaid'
  | 'decode-metaid'
  | 'put-object'
  | 'delete-object'
  | 'initiate-multipart-upload'
  | 'upload-part'
  | 'complete-multipart-upload'
  | 'abort-multipart-upload'
  | 'list-parts'
  | 'list-multipart-uploads'
  | 'copy-object'
  | 'list-objects'
  | 'delete-objects';

/** The operations of `api.weixin.qq.com`, which return JSON. */
export const JSON_OPERATIONS: readonly WxCloudEmulatorOperation[] = [
  'token',
  'stable-token',
  'upload-link',
  'download-links',
  'delete-files',
  'cos-keys',
  'encode-metaid',
  'decode-metaid',
];

/** The operations of the object storage that the caller signs with keys for the bucket. */
export const BUCKET_OPERATIONS: readonly WxCloudEmulatorOperation[] = [
  'get-object',
  'head-object',
  'put-object',
  'delete-object',
  'initiate-multipart-upload',
  'upload-part',
  'complete-multipart-upload',
  'abort-multipart-upload',
  'list-parts',
  'list-multipart-uploads',
  'copy-object',
  'list-objects',
  'delete-objects',
];

/** The operations of the object storage, which return XML errors. */
export const OBJECT_OPERATIONS: readonly WxCloudEmulatorOperation[] = [
  'post-object',
  ...BUCKET_OPERATIONS,
];

/** The operations whose response has an `ETag` header. */
export const ETAG_OPERATIONS: readonly WxCloudEmulatorOperation[] = [
  'post-object',
  'get-object',
  'head-object',
  'put-object',
  'upload-part',
];

/** The operations that return a list with one item per file. */
export const BATCH_OPERATIONS: readonly WxCloudEmulatorOperation[] = [
  'download-links',
  'delete-files',
  'delete-objects',
];

/** All operations. */
export const OPERATIONS: readonly WxCloudEmulatorOperation[] = [
  ...JSON_OPERATIONS,
  ...OBJECT_OPERATIONS,
];

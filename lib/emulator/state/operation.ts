/** An operation of the emulator; each route has one. */
export type WxCloudEmulatorOperation =
  | 'token'
  | 'stable-token'
  | 'upload-link'
  | 'post-object'
  | 'download-links'
  | 'delete-files'
  | 'get-object'
  | 'head-object';

/** The operations of `api.weixin.qq.com`, which return JSON. */
export const JSON_OPERATIONS: readonly WxCloudEmulatorOperation[] = [
  'token',
  'stable-token',
  'upload-link',
  'download-links',
  'delete-files',
];

/** The operations of the object storage, which return XML errors. */
export const OBJECT_OPERATIONS: readonly WxCloudEmulatorOperation[] = [
  'post-object',
  'get-object',
  'head-object',
];

/** The operations that return a list with one item per file. */
export const BATCH_OPERATIONS: readonly WxCloudEmulatorOperation[] = [
  'download-links',
  'delete-files',
];

/** All operations. */
export const OPERATIONS: readonly WxCloudEmulatorOperation[] = [
  ...JSON_OPERATIONS,
  ...OBJECT_OPERATIONS,
];

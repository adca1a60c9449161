/** What a request asks the emulator to do; one name for each route. */
export type WxCloudEmulatorOperation =
  | 'token'
  | 'stable-token'
  | 'upload-link'
  | 'post-object'
  | 'download-links'
  | 'delete-files'
  | 'get-object'
  | 'head-object';

/** The operations of `api.weixin.qq.com`, which answer JSON. */
export const JSON_OPERATIONS: readonly WxCloudEmulatorOperation[] = [
  'token',
  'stable-token',
  'upload-link',
  'download-links',
  'delete-files',
];

/** The operations of the object storage, whose errors are XML. */
export const OBJECT_OPERATIONS: readonly WxCloudEmulatorOperation[] = [
  'post-object',
  'get-object',
  'head-object',
];

/** The operations that answer a list with one item a file. */
export const BATCH_OPERATIONS: readonly WxCloudEmulatorOperation[] = [
  'download-links',
  'delete-files',
];

/** All operations. */
export const OPERATIONS: readonly WxCloudEmulatorOperation[] = [
  ...JSON_OPERATIONS,
  ...OBJECT_OPERATIONS,
];

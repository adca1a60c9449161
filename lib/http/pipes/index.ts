export type { WxCloudFileIdOptions } from './file-id-options.js';
export { ParseFileIdPipe } from './parse-file-id.pipe.js';
export { WxCloudFilePipe } from './wx-cloud-file.pipe.js';

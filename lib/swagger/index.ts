import { describeUploadedFile } from './upload-decorators.js';

describeUploadedFile();

export { WxCloudErrorBody } from './upload-decorators.js';
export {
  ApiWxCloudAnyFiles,
  ApiWxCloudFile,
  ApiWxCloudFileFields,
  type ApiWxCloudAnyFilesOptions,
  type ApiWxCloudFileField,
  type ApiWxCloudFileOptions,
  type ApiWxCloudFormOptions,
} from './upload-decorators.js';

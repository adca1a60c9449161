import { describeUploadedFile } from './uploaded-file-schema.js';

describeUploadedFile();

export { WxCloudErrorBody } from './refusals.js';
export {
  ApiWxCloudAnyFiles,
  ApiWxCloudFile,
  ApiWxCloudFileFields,
  type ApiWxCloudAnyFilesOptions,
  type ApiWxCloudFileField,
  type ApiWxCloudFileOptions,
  type ApiWxCloudFormOptions,
} from './upload-decorators.js';

import type { NestInterceptor, Type } from '@nestjs/common';
import type { WxCloudFileField, WxCloudUploadInterceptorOptions } from './upload-options.js';
import { createUploadInterceptor } from './upload.interceptor.js';

/**
 * Stores the one file of a field, as Nest's `FileInterceptor` does: `@UploadedFile()` then gives a
 * {@link WxCloudUploadedFile}, `@FileId()` its file ID. The file is removed unless the request is answered with success.
 */
export function WxCloudFileInterceptor(
  field: string,
  options: WxCloudUploadInterceptorOptions = {},
): Type<NestInterceptor> {
  const maxCounts = new Map([[field, 1]]);
  return createUploadInterceptor({ options, selection: { maxCounts, shape: 'one' } });
}

/** Stores the files of one field, up to `maxCount`, as Nest's `FilesInterceptor` does: see `@UploadedFiles()` and `@FileIds()`. */
export function WxCloudFilesInterceptor(
  field: string,
  maxCount = Infinity,
  options: WxCloudUploadInterceptorOptions = {},
): Type<NestInterceptor> {
  const maxCounts = new Map([[field, maxCount]]);
  return createUploadInterceptor({ options, selection: { maxCounts, shape: 'list' } });
}

/** Stores the files of several fields, as Nest's `FileFieldsInterceptor` does: see `@UploadedFiles()` and `@FileIds(field)`. */
export function WxCloudFileFieldsInterceptor(
  fields: readonly WxCloudFileField[],
  options: WxCloudUploadInterceptorOptions = {},
): Type<NestInterceptor> {
  const maxCounts = new Map(fields.map(({ name, maxCount = Infinity }) => [name, maxCount]));
  return createUploadInterceptor({ options, selection: { maxCounts, shape: 'by-field' } });
}

/** Stores the files of any field, as Nest's `AnyFilesInterceptor` does: see `@UploadedFiles()` and `@FileIds()`. */
export function WxCloudAnyFilesInterceptor(
  options: WxCloudUploadInterceptorOptions = {},
): Type<NestInterceptor> {
  return createUploadInterceptor({ options, selection: { maxCounts: undefined, shape: 'list' } });
}

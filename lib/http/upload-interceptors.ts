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
  return createUploadInterceptor({
    options,
    fileCount: 1,
    select: (platform, parserOptions) => platform.FileInterceptor(field, parserOptions),
  });
}

/** Stores the files of one field, up to `maxCount`, as Nest's `FilesInterceptor` does: see `@UploadedFiles()` and `@FileIds()`. */
export function WxCloudFilesInterceptor(
  field: string,
  maxCount?: number,
  options: WxCloudUploadInterceptorOptions = {},
): Type<NestInterceptor> {
  return createUploadInterceptor({
    options,
    fileCount: maxCount,
    select: (platform, parserOptions) => platform.FilesInterceptor(field, maxCount, parserOptions),
  });
}

/** Stores the files of several fields, as Nest's `FileFieldsInterceptor` does: see `@UploadedFiles()` and `@FileIds(field)`. */
export function WxCloudFileFieldsInterceptor(
  fields: readonly WxCloudFileField[],
  options: WxCloudUploadInterceptorOptions = {},
): Type<NestInterceptor> {
  return createUploadInterceptor({
    options,
    fileCount: sumOfCounts(fields),
    select: (platform, parserOptions) => platform.FileFieldsInterceptor(fields, parserOptions),
  });
}

/** Stores the files of any field, as Nest's `AnyFilesInterceptor` does: see `@UploadedFiles()` and `@FileIds()`. */
export function WxCloudAnyFilesInterceptor(
  options: WxCloudUploadInterceptorOptions = {},
): Type<NestInterceptor> {
  return createUploadInterceptor({
    options,
    fileCount: undefined,
    select: (platform, parserOptions) => platform.AnyFilesInterceptor(parserOptions),
  });
}

/** How many files the fields take together; undefined when one of them has no limit. */
function sumOfCounts(fields: readonly WxCloudFileField[]): number | undefined {
  const sum = fields.reduce((total, { maxCount }) => total + (maxCount ?? Number.NaN), 0);
  return Number.isNaN(sum) ? undefined : sum;
}

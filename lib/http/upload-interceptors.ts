import type { NestInterceptor, Type } from '@nestjs/common';
import { assertField, assertFields, assertMaxCount } from './upload-option-checks.js';
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
    name: 'WxCloudFileInterceptor',
    options,
    selection: { maxCounts: new Map([[field, 1]]), shape: 'one' },
    assertArguments: () => assertField(field),
  });
}

/** Stores the files of one field, up to `maxCount`, as Nest's `FilesInterceptor` does: see `@UploadedFiles()` and `@FileIds()`. */
export function WxCloudFilesInterceptor(
  field: string,
  maxCount = Infinity,
  options: WxCloudUploadInterceptorOptions = {},
): Type<NestInterceptor> {
  return createUploadInterceptor({
    name: 'WxCloudFilesInterceptor',
    options,
    selection: { maxCounts: new Map([[field, maxCount]]), shape: 'list' },
    assertArguments: () => {
      assertField(field);
      assertMaxCount(maxCount);
    },
  });
}

/** Stores the files of several fields, as Nest's `FileFieldsInterceptor` does: see `@UploadedFiles()` and `@FileIds(field)`. */
export function WxCloudFileFieldsInterceptor(
  fields: readonly WxCloudFileField[],
  options: WxCloudUploadInterceptorOptions = {},
): Type<NestInterceptor> {
  // Anything else than a list of fields is told when the application starts.
  const list = Array.isArray(fields) ? (fields as readonly (WxCloudFileField | null)[]) : [];
  const maxCounts = new Map(
    Array.from(list, field => [field?.name ?? '', field?.maxCount ?? Infinity]),
  );
  return createUploadInterceptor({
    name: 'WxCloudFileFieldsInterceptor',
    options,
    selection: { maxCounts, shape: 'by-field' },
    assertArguments: () => assertFields(fields),
  });
}

/** Stores the files of any field, as Nest's `AnyFilesInterceptor` does: see `@UploadedFiles()` and `@FileIds()`. */
export function WxCloudAnyFilesInterceptor(
  options: WxCloudUploadInterceptorOptions = {},
): Type<NestInterceptor> {
  return createUploadInterceptor({
    name: 'WxCloudAnyFilesInterceptor',
    options,
    selection: { maxCounts: undefined, shape: 'list' },
    assertArguments: () => {},
  });
}

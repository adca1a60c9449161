import type { NestInterceptor, Type } from '@nestjs/common';
import type { HttpAdapterHost } from '@nestjs/core';
import { OptionsInvalidError } from '../errors/index.js';
import type { WxCloudUploadEngine } from './upload-engine.js';
import type { WxCloudFileField, WxCloudUploadLimits } from './upload-options.js';

/** What Nest's own upload interceptors are given. */
export interface PlatformUploadOptions {
  /** Where files go. */
  readonly storage: WxCloudUploadEngine;
  /** multer's limits. */
  readonly limits: WxCloudUploadLimits;
  /** How names in headers are encoded. */
  readonly defParamCharset: 'utf8';
}

/** Nest's own upload interceptors, which every platform package exports under these names. */
export interface UploadPlatform {
  /** One file in one field. */
  FileInterceptor(field: string, options: PlatformUploadOptions): Type<NestInterceptor>;
  /** Several files in one field. */
  FilesInterceptor(
    field: string,
    maxCount: number | undefined,
    options: PlatformUploadOptions,
  ): Type<NestInterceptor>;
  /** Files in several fields. */
  FileFieldsInterceptor(
    fields: readonly WxCloudFileField[],
    options: PlatformUploadOptions,
  ): Type<NestInterceptor>;
  /** Files in any field. */
  AnyFilesInterceptor(options: PlatformUploadOptions): Type<NestInterceptor>;
}

/** Loads the upload interceptors of the adapter that runs, and of no other. @throws {@link OptionsInvalidError} for an adapter without any */
export async function loadUploadPlatform(host: HttpAdapterHost): Promise<UploadPlatform> {
  const type = host.httpAdapter?.getType();
  if (type === 'express') {
    return (await import('@nestjs/platform-express')) as unknown as UploadPlatform;
  }
  throw new OptionsInvalidError({
    option: 'HTTP adapter',
    expected: 'that of @nestjs/platform-express for upload interceptors',
    remedy: 'Create the application with it, or call WxCloudStorageService.upload in the handler.',
  });
}

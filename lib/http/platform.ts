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

/** One of Nest's own upload interceptors; both adapters' host is optional to it. */
export type ParserType = new (options: undefined, host: HttpAdapterHost) => FormParser;

/** What parses a form: Nest's interceptor, which on Fastify also asks the adapter for its parser at start-up. */
export interface FormParser extends NestInterceptor {
  /** Called before the application starts. */
  onModuleInit?(): void;
  /** The multer inside, on Express. */
  readonly multer?: object;
}

/** Whether a parser knows nothing of `defParamCharset`, as the multer of early Nest 11: it takes names for Latin-1. */
export function takesNamesForLatin1({ multer }: FormParser): boolean {
  return multer !== undefined && !('defParamCharset' in multer);
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

/** Where each adapter has its upload interceptors; imported only when it is the one that runs. */
const PLATFORMS: Readonly<Record<string, () => Promise<unknown>>> = {
  express: () => import('@nestjs/platform-express'),
  fastify: () => import('@nestjs/platform-fastify/multipart'),
};

/**
 * Makes the form parser of the adapter that runs, and of no other.
 * @throws {@link OptionsInvalidError} for an adapter without any
 */
export async function createFormParser(
  host: HttpAdapterHost,
  select: (platform: UploadPlatform) => Type<NestInterceptor>,
): Promise<FormParser> {
  const type: string | undefined = host.httpAdapter?.getType();
  const load = type === undefined ? undefined : PLATFORMS[type];
  if (load === undefined) throw unsupported();
  const platform = (await load().catch((error: unknown) => {
    throw isNotFound(error) ? unsupported(error) : error;
  })) as UploadPlatform;
  const Parser = select(platform) as unknown as ParserType;
  const parser = new Parser(undefined, host);
  parser.onModuleInit?.();
  return parser;
}

/** What Node says of a package, or of a subpath of one, that is not there. */
function isNotFound(error: unknown): boolean {
  const { code } = error as { readonly code?: unknown };
  return /^(?:ERR_)?(?:MODULE_NOT_FOUND|PACKAGE_PATH_NOT_EXPORTED|UNSUPPORTED_DIR_IMPORT)$/.test(
    String(code),
  );
}

function unsupported(cause?: unknown): OptionsInvalidError {
  return new OptionsInvalidError({
    option: 'HTTP adapter',
    expected:
      'that of @nestjs/platform-express, or of @nestjs/platform-fastify 12.1 or later, for upload interceptors',
    remedy: 'Create the application with it, or call WxCloudStorageService.upload in the handler.',
    cause,
  });
}

import { createParamDecorator, type ExecutionContext, type Type } from '@nestjs/common';
import { isMultipart } from '../../multipart/part-headers.js';
import { rawRequestOf, RequestProperty } from '../request-origin.js';
import { toLoggedException } from '../http-exception.js';
import { countEngines, type UploadFacts } from '../startup/enhancers.js';
import {
  filesElsewhere,
  noInterceptor,
  takesField,
  unknownField,
} from '../startup/route-misuse.js';
import { isLeftOver, namesUpload } from '../startup/routes.js';
import type { WxCloudUploadedFile } from './request-files.js';

const interceptorProperty = new RequestProperty<UploadFacts>('interceptor');

/** Records that an interceptor of this package has read the form of a request. */
export function recordInterceptor(request: object, facts: UploadFacts): void {
  interceptorProperty.write(request, facts);
}

/** A decorator's name, and the function that Nest stores in its metadata. */
type FileIdDecorator = { readonly name: string; readonly factory: unknown };

type Handler = ReturnType<ExecutionContext['getHandler']>;

/**
 * Checks that a request without a file ID has no file, and that its handler does not lack an
 * interceptor. `hasFiles` is true when the request has files without file IDs.
 * @throws `HttpException` 500, which is logged, when the handler lacks an interceptor
 */
function assertHasNoFile(
  decorator: FileIdDecorator,
  field: string | undefined,
  context: ExecutionContext,
  hasFiles: boolean,
): void {
  const error = findMisuse(decorator, field, context, hasFiles);
  if (error === undefined) return;
  throw toLoggedException(error, context.switchToHttp().getRequest<object>()) as Error;
}

function findMisuse(
  { name: decorator, factory }: FileIdDecorator,
  field: string | undefined,
  context: ExecutionContext,
  hasFiles: boolean,
): ReturnType<typeof noInterceptor> | undefined {
  // A test that calls a decorator's function directly may have no handler, or not even the methods.
  const { getClass, getHandler }: Partial<ExecutionContext> = context;
  const controller: Type | null | undefined = getClass?.call(context);
  const handler: Handler | null | undefined = getHandler?.call(context);
  if (!controller || !handler) return undefined;
  if (isLeftOver(controller, handler.name, { factory, data: field })) return undefined;
  const route = `${controller.name}.${handler.name}`;
  const request = context.switchToHttp().getRequest<object>();
  const noted = interceptorProperty.read(request);
  if (noted !== undefined) {
    const isTaken = takesField(noted, field);
    return isTaken ? undefined : unknownField(route, decorator, field ?? '', [noted]);
  }
  if (hasFiles) return filesElsewhere(route, decorator, field);
  // A test may have replaced the interceptor.
  if (namesUpload(controller, handler)) return undefined;
  return isWithoutParser(request) ? noInterceptor(route, decorator, field) : undefined;
}

/**
 * True when no form parser with this package's engine can have read the request. A request without
 * a form proves nothing.
 */
function isWithoutParser(request: object): boolean {
  if (countEngines() === 0) return true;
  const raw = rawRequestOf(request);
  return isMultipart(raw.headers['content-type']) && !raw.readableDidRead;
}

interface RequestWithFiles {
  readonly file?: Partial<WxCloudUploadedFile>;
  readonly files?:
    | readonly Partial<WxCloudUploadedFile>[]
    | Readonly<Record<string, readonly Partial<WxCloudUploadedFile>[]>>;
}

type Read<T> = (field: string | undefined, context: ExecutionContext) => T;

const readFirst: Read<string | undefined> = (field, context) =>
  findFileIds({ name: 'FileId', factory: readFirst }, field, context)[0];

const readAll: Read<readonly string[]> = (field, context) =>
  findFileIds({ name: 'FileIds', factory: readAll }, field, context);

/** Decorator names by the function that Nest stores in its metadata. */
export const FILE_ID_DECORATORS: ReadonlyMap<unknown, string> = new Map<unknown, string>([
  [readFirst, 'FileId'],
  [readAll, 'FileIds'],
]);

/**
 * Injects the file ID of the uploaded file, or of the first one if there are several; with the name
 * of a field, of the first file in that field. Undefined when the form has no such file. A handler
 * without an upload interceptor, or whose interceptor does not take the field, fails the start of
 * the application; where that cannot be detected, the request fails with 500 and is logged.
 * @example
 * ```ts
 * import { Controller, Post, UseInterceptors } from '@nestjs/common';
 * import { FileId, WxCloudFileInterceptor } from 'nestjs-wx-cloud-storage';
 *
 * @Controller('photos')
 * export class PhotosController {
 *   @Post()
 *   @UseInterceptors(WxCloudFileInterceptor('photo'))
 *   create(@FileId() fileId: string): { fileId: string } {
 *     return { fileId };
 *   }
 * }
 * ```
 */
export const FileId: (field?: string) => ParameterDecorator = createParamDecorator(readFirst);

/**
 * Injects the file IDs of all uploaded files, in the order of the form; with the name of a field,
 * of the files in that field. An empty list when there are none.
 * @example
 * ```ts
 * import { Controller, Post, UseInterceptors } from '@nestjs/common';
 * import { FileIds, WxCloudFilesInterceptor } from 'nestjs-wx-cloud-storage';
 *
 * @Controller('albums')
 * export class AlbumsController {
 *   @Post()
 *   @UseInterceptors(WxCloudFilesInterceptor('photos', 9))
 *   create(@FileIds() fileIds: readonly string[]): { fileIds: readonly string[] } {
 *     return { fileIds };
 *   }
 * }
 * ```
 */
export const FileIds: (field?: string) => ParameterDecorator = createParamDecorator(readAll);

function findFileIds(
  decorator: FileIdDecorator,
  field: string | undefined,
  context: ExecutionContext,
): readonly string[] {
  const request = context.switchToHttp().getRequest<RequestWithFiles>();
  const { file, files = [] } = request;
  // On Fastify, requests may have methods with these names.
  const all = typeof file === 'object' && file !== null ? [file] : Object.values(files).flat();
  const found = all.filter(({ fieldname }) => field === undefined || fieldname === field);
  const fileIds = found.flatMap(({ fileId }) => fileId ?? []);
  if (fileIds.length === 0) assertHasNoFile(decorator, field, context, found.length > 0);
  return fileIds;
}

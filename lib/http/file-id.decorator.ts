import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { assertHasNoFile } from './missing-file-ids.js';
import type { WxCloudUploadedFile } from './uploaded-file.js';

interface UploadRequest {
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

/** The names of the decorators, by the functions that Nest notes for them. */
export const FILE_ID_DECORATORS: ReadonlyMap<unknown, string> = new Map<unknown, string>([
  [readFirst, 'FileId'],
  [readAll, 'FileIds'],
]);

/**
 * The file ID of the uploaded file: of the one that the interceptor takes, or of the first one.
 * With the name of a field, of the first file in that field. Undefined when the form has none; a
 * handler without an upload interceptor, or whose interceptor does not take the field, stops the
 * start, or is answered with 500 and logged.
 */
export const FileId: (field?: string) => ParameterDecorator = createParamDecorator(readFirst);

/** The file IDs of all uploaded files, in the order of the form; with the name of a field, of those in that field. */
export const FileIds: (field?: string) => ParameterDecorator = createParamDecorator(readAll);

function findFileIds(
  decorator: { readonly name: string; readonly factory: unknown },
  field: string | undefined,
  context: ExecutionContext,
): readonly string[] {
  const request = context.switchToHttp().getRequest<UploadRequest>();
  const { file, files = [] } = request;
  // On Fastify, requests may have methods of these names.
  const all = typeof file === 'object' && file !== null ? [file] : Object.values(files).flat();
  const found = all.filter(({ fieldname }) => field === undefined || fieldname === field);
  const fileIds = found.flatMap(({ fileId }) => fileId ?? []);
  if (fileIds.length === 0) {
    assertHasNoFile({ decorator, field, request, context, hasOthers: found.length > 0 });
  }
  return fileIds;
}

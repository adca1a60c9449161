import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { WxCloudUploadedFile } from './upload-options.js';

interface UploadRequest {
  readonly file?: Partial<WxCloudUploadedFile>;
  readonly files?:
    | readonly Partial<WxCloudUploadedFile>[]
    | Readonly<Record<string, readonly Partial<WxCloudUploadedFile>[]>>;
}

/**
 * The file ID of the uploaded file: of the one that the interceptor takes, or of the first one. With the name of a
 * field, of the first file in that field. Undefined when there is none.
 */
export const FileId: (field?: string) => ParameterDecorator = createParamDecorator(
  (field: string | undefined, context: ExecutionContext) => findFileIds(field, context)[0],
);

/** The file IDs of all uploaded files, in the order of the form; with the name of a field, of those in that field. */
export const FileIds: (field?: string) => ParameterDecorator = createParamDecorator(
  (field: string | undefined, context: ExecutionContext) => findFileIds(field, context),
);

function findFileIds(field: string | undefined, context: ExecutionContext): readonly string[] {
  const { file, files = [] } = context.switchToHttp().getRequest<UploadRequest>();
  const all = file === undefined ? Object.values(files).flat() : [file];
  return all
    .filter(({ fieldname }) => field === undefined || fieldname === field)
    .flatMap(({ fileId }) => fileId ?? []);
}

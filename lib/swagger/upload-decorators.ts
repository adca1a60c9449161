import { applyDecorators, type Type } from '@nestjs/common';
import {
  ApiBody,
  ApiConsumes,
  ApiProperty,
  type ApiPropertyOptions,
  ApiResponse,
} from '@nestjs/swagger';
import { type WxCloudStorageErrorCode, WxCloudUploadedFile } from '../index.js';

/**
 * The JSON body of a response to a refused or failed request.
 * @example
 * ```ts
 * import { Controller, Get } from '@nestjs/common';
 * import { ApiNotFoundResponse } from '@nestjs/swagger';
 * import { WxCloudErrorBody } from 'nestjs-wx-cloud-storage/swagger';
 *
 * @Controller('photos')
 * export class PhotosController {
 *   @Get()
 *   @ApiNotFoundResponse({ type: WxCloudErrorBody })
 *   find(): string[] {
 *     return [];
 *   }
 * }
 * ```
 */
export class WxCloudErrorBody {
  /** The HTTP status. */
  @ApiProperty({ type: 'integer', description: 'The HTTP status.', example: 413 })
  declare readonly statusCode: number;
  /** A message for people. */
  @ApiProperty({ type: String, description: 'A message for people.' })
  declare readonly message: string;
  /** The name of the status. */
  @ApiProperty({
    type: String,
    description: 'The name of the status.',
    example: 'Payload Too Large',
  })
  declare readonly error: string;
  /** The error code, as in `docs/errors.md`. */
  @ApiProperty({
    type: String,
    description: 'The error code, for programs.',
    example: 'WX_CLOUD_FILE_TOO_LARGE',
  })
  declare readonly errorCode: WxCloudStorageErrorCode;
}

/** The refusals of an upload: status, description and error codes. */
export const REFUSALS: readonly {
  readonly status: number;
  readonly meaning: string;
  readonly codes: readonly WxCloudStorageErrorCode[];
}[] = [
  {
    status: 400,
    meaning:
      'The form is malformed or over a limit, or a file is missing or in an unexpected field',
    codes: ['WX_CLOUD_FORM_INVALID', 'WX_CLOUD_FILE_REQUIRED', 'WX_CLOUD_SIZE_MISMATCHED'],
  },
  {
    status: 408,
    meaning: 'The upload stalled',
    codes: ['WX_CLOUD_BODY_STALLED'],
  },
  { status: 413, meaning: 'A file is too large', codes: ['WX_CLOUD_FILE_TOO_LARGE'] },
  {
    status: 415,
    meaning: 'A file has a type that is not accepted',
    codes: ['WX_CLOUD_TYPE_REFUSED'],
  },
  {
    status: 502,
    meaning: 'The cloud storage could not complete the upload',
    codes: ['WX_CLOUD_UPLOAD_REJECTED', 'WX_CLOUD_API_FAILED', 'WX_CLOUD_CONNECTION_FAILED'],
  },
  {
    status: 503,
    meaning: 'There are too many uploads in progress, or the cloud storage is unavailable',
    codes: ['WX_CLOUD_CAPACITY_EXCEEDED', 'WX_CLOUD_CREDENTIAL_UNAVAILABLE'],
  },
  {
    status: 504,
    meaning: 'The cloud storage took too long',
    codes: ['WX_CLOUD_REQUEST_TIMED_OUT'],
  },
];

const text = (description: string, example: string): ApiPropertyOptions => ({
  type: String,
  description,
  example,
});

const PROPERTIES: Readonly<Record<Exclude<keyof WxCloudUploadedFile, 'keep'>, ApiPropertyOptions>> =
  {
    fieldname: text('The name of the form field.', 'photo'),
    originalname: text("The client's name for the file, made safe to show.", 'cat.png'),
    encoding: text("The part's transfer encoding.", '7bit'),
    mimetype: text('The type that the client claimed.', 'image/png'),
    size: { type: 'integer', description: 'The number of bytes stored.', example: 68 },
    fileId: text('The file ID.', 'cloud://env.bucket/photos/cat.png'),
    cloudPath: text("The object's path.", 'photos/cat.png'),
    contentType: text('The type it was stored with, detected from the content.', 'image/png'),
    etag: text('The MD5 of the content.', 'd41d8cd98f00b204e9800998ecf8427e'),
  };

/** The schema of a form field for one file. */
const ONE_FILE = { type: 'string', format: 'binary' } as const;

type FileSchema = ReturnType<typeof fileSchemaOf>;

/** Documents the statuses of {@link REFUSALS}. */
function ApiWxCloudRefusals(): MethodDecorator {
  return applyDecorators(
    ...REFUSALS.map(({ status, meaning, codes }) =>
      ApiResponse({
        status,
        description: `${meaning}: ${codes.map(code => `\`${code}\``).join(', ')}.`,
        type: WxCloudErrorBody,
      }),
    ),
  );
}

/** A file field of a form in a document. */
interface DescribedFile {
  readonly name: string;
  readonly many: boolean;
  readonly maxCount?: number | undefined;
  readonly required: boolean;
  readonly description: string | undefined;
}

/** Creates the schema of a form with these files and nothing else. */
function formSchemaOf(files: readonly DescribedFile[]): {
  readonly type: 'object';
  readonly properties: Record<string, FileSchema>;
  readonly required?: string[];
} {
  const required = files.filter(file => file.required).map(({ name }) => name);
  return {
    type: 'object',
    properties: Object.fromEntries(files.map(file => [file.name, fileSchemaOf(file)])),
    ...(required.length > 0 && { required }),
  };
}

/**
 * Creates a class for a form that also has the fields of `body`. All fields are in one schema, so
 * that tools need not merge two schemas of an `allOf`.
 */
function formClassOf(
  body: Type<unknown>,
  name: string,
  files: readonly DescribedFile[],
): Type<unknown> {
  class FormSchema extends (body as Type<object>) {}
  Object.defineProperty(FormSchema, 'name', { value: name });
  for (const file of files) {
    const property = { ...fileSchemaOf(file), required: file.required };
    ApiProperty(property)(FormSchema.prototype, file.name);
  }
  return FormSchema;
}

function fileSchemaOf({ many, maxCount, description }: DescribedFile) {
  const isCounted = maxCount !== undefined && Number.isFinite(maxCount);
  const list = {
    type: 'array',
    items: ONE_FILE,
    ...(isCounted && { maxItems: maxCount }),
  } as const;
  return {
    ...(many ? list : ONE_FILE),
    ...(description !== undefined && { description }),
  };
}

/** Adds the schema of {@link WxCloudUploadedFile}; the root entry does not depend on Swagger. */
export function describeUploadedFile(): void {
  for (const [name, options] of Object.entries(PROPERTIES)) {
    ApiProperty(options)(WxCloudUploadedFile.prototype, name);
  }
}

/** Options of all decorators for uploads. */
export interface ApiWxCloudFormOptions {
  /**
   * The class of the form's text fields, as in `@Body() body: CreatePhotoDto`; they are shown
   * beside the files, in a schema for the route.
   * @defaultValue no text fields
   */
  readonly body?: Type<unknown> | undefined;
}

/** Options for the files of one field. */
export interface ApiWxCloudFileOptions extends ApiWxCloudFormOptions {
  /**
   * True where the field takes several files: `WxCloudFilesInterceptor`.
   * @defaultValue false
   */
  readonly many?: boolean | undefined;
  /**
   * The maximum number of files, with `many`.
   * @defaultValue no number is shown
   */
  readonly maxCount?: number | undefined;
  /**
   * False where the interceptor has `required: false`.
   * @defaultValue true
   */
  readonly required?: boolean | undefined;
  /**
   * The description of the field.
   * @defaultValue none
   */
  readonly description?: string | undefined;
}

/**
 * A field of {@link ApiWxCloudFileFields}; a field of `WxCloudFileFieldsInterceptor` is accepted
 * too.
 */
export interface ApiWxCloudFileField {
  /** The name of the field. */
  readonly name: string;
  /**
   * The maximum number of files; a field with a maximum of 1 is shown as one file.
   * @defaultValue no number is shown
   */
  readonly maxCount?: number | undefined;
  /**
   * True where each form must have the field; the interceptor only requires a file in any field.
   * @defaultValue false
   */
  readonly required?: boolean | undefined;
  /**
   * The description of the field.
   * @defaultValue none
   */
  readonly description?: string | undefined;
}

/** Options for files in fields of any name. */
export interface ApiWxCloudAnyFilesOptions extends ApiWxCloudFormOptions {
  /**
   * The name under which the files are shown.
   * @defaultValue files
   */
  readonly field?: string | undefined;
  /**
   * False where the interceptor has `required: false`.
   * @defaultValue true
   */
  readonly required?: boolean | undefined;
  /**
   * The description of the field.
   * @defaultValue none
   */
  readonly description?: string | undefined;
}

/**
 * Documents a route behind `WxCloudFileInterceptor`, or with `many` behind
 * `WxCloudFilesInterceptor`: a multipart form with the file and the text fields, and the error
 * responses.
 * @example
 * ```ts
 * import { Controller, Post, UploadedFile, UseInterceptors } from '@nestjs/common';
 * import { ApiCreatedResponse } from '@nestjs/swagger';
 * import { WxCloudFileInterceptor, WxCloudUploadedFile } from 'nestjs-wx-cloud-storage';
 * import { ApiWxCloudFile } from 'nestjs-wx-cloud-storage/swagger';
 *
 * @Controller('photos')
 * export class PhotosController {
 *   @Post()
 *   @ApiWxCloudFile('photo')
 *   @ApiCreatedResponse({ type: WxCloudUploadedFile })
 *   @UseInterceptors(WxCloudFileInterceptor('photo'))
 *   create(@UploadedFile() photo: WxCloudUploadedFile): WxCloudUploadedFile {
 *     return photo;
 *   }
 * }
 * ```
 */
export function ApiWxCloudFile(
  field: string,
  options: ApiWxCloudFileOptions = {},
): MethodDecorator {
  const { many = false, maxCount, required = true, description, body } = options;
  const files = [{ name: field, many, maxCount, required, description }];
  return documentForm(files, required, body);
}

/**
 * Documents a route behind `WxCloudFileFieldsInterceptor`, like {@link ApiWxCloudFile}.
 * @example
 * ```ts
 * import { Controller, Post, UseInterceptors } from '@nestjs/common';
 * import { FileIds, WxCloudFileFieldsInterceptor } from 'nestjs-wx-cloud-storage';
 * import { ApiWxCloudFileFields } from 'nestjs-wx-cloud-storage/swagger';
 *
 * const fields = [{ name: 'cover', maxCount: 1 }, { name: 'pages' }];
 *
 * @Controller('books')
 * export class BooksController {
 *   @Post()
 *   @ApiWxCloudFileFields(fields)
 *   @UseInterceptors(WxCloudFileFieldsInterceptor(fields))
 *   create(@FileIds('pages') pages: readonly string[]): { pages: readonly string[] } {
 *     return { pages };
 *   }
 * }
 * ```
 */
export function ApiWxCloudFileFields(
  fields: readonly ApiWxCloudFileField[],
  options: ApiWxCloudFormOptions = {},
): MethodDecorator {
  const files = fields.map(({ name, maxCount, required = false, description }) => ({
    name,
    many: maxCount !== 1,
    maxCount,
    required,
    description,
  }));
  return documentForm(files, true, options.body);
}

/**
 * Documents a route behind `WxCloudAnyFilesInterceptor`, like {@link ApiWxCloudFile}. A document
 * needs a field name, so it shows one field for all files.
 * @example
 * ```ts
 * import { Controller, Post, UseInterceptors } from '@nestjs/common';
 * import { FileIds, WxCloudAnyFilesInterceptor } from 'nestjs-wx-cloud-storage';
 * import { ApiWxCloudAnyFiles } from 'nestjs-wx-cloud-storage/swagger';
 *
 * @Controller('files')
 * export class FilesController {
 *   @Post()
 *   @ApiWxCloudAnyFiles({ field: 'attachments' })
 *   @UseInterceptors(WxCloudAnyFilesInterceptor())
 *   create(@FileIds() fileIds: readonly string[]): { fileIds: readonly string[] } {
 *     return { fileIds };
 *   }
 * }
 * ```
 */
export function ApiWxCloudAnyFiles(options: ApiWxCloudAnyFilesOptions = {}): MethodDecorator {
  const { field = 'files', required = true, description, body } = options;
  const files = [{ name: field, many: true, required, description }];
  return documentForm(files, required, body);
}

function documentForm(
  files: readonly DescribedFile[],
  isRequired: boolean,
  body: Type<unknown> | undefined,
): MethodDecorator {
  return (target, key, descriptor) => {
    const form =
      body === undefined
        ? ApiBody({ required: isRequired, schema: formSchemaOf(files) })
        : ApiBody({ type: formClassOf(body, formNameOf(target, key), files) });
    const decorate = applyDecorators(
      ApiConsumes('multipart/form-data'),
      form,
      ApiWxCloudRefusals(),
    );
    decorate(target, key, descriptor);
  };
}

/** Returns a name such as `PhotosControllerCreateForm`, which is unique within a document. */
function formNameOf(target: object, key: string | symbol): string {
  const method = String(key);
  return `${target.constructor.name}${method.charAt(0).toUpperCase()}${method.slice(1)}Form`;
}

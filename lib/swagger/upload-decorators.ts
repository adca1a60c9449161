import { applyDecorators, type Type } from '@nestjs/common';
import {
  ApiBody,
  ApiConsumes,
  ApiProperty,
  type ApiPropertyOptions,
  ApiResponse,
} from '@nestjs/swagger';
import { type WxCloudStorageErrorCode, WxCloudUploadedFile } from '../index.js';

/** The JSON that a refused or failed request of this package is answered with. */
export class WxCloudErrorBody {
  /** The HTTP status. */
  @ApiProperty({ type: 'integer', description: 'The HTTP status.', example: 413 })
  declare readonly statusCode: number;
  /** A sentence for people. */
  @ApiProperty({ type: String, description: 'A sentence for people.' })
  declare readonly message: string;
  /** The name of the status. */
  @ApiProperty({
    type: String,
    description: 'The name of the status.',
    example: 'Payload Too Large',
  })
  declare readonly error: string;
  /** The code of the error, as in `docs/errors.md`. */
  @ApiProperty({
    type: String,
    description: 'The code of the error, for programs.',
    example: 'WX_CLOUD_FILE_TOO_LARGE',
  })
  declare readonly errorCode: WxCloudStorageErrorCode;
}

/** A refusal of an upload: the status, in words, and the codes that come with it. */
export const REFUSALS: readonly {
  readonly status: number;
  readonly meaning: string;
  readonly codes: readonly WxCloudStorageErrorCode[];
}[] = [
  {
    status: 400,
    meaning: 'The form is malformed or over a limit, or a file is missing or in another field',
    codes: ['WX_CLOUD_FORM_INVALID', 'WX_CLOUD_FILE_REQUIRED', 'WX_CLOUD_SIZE_MISMATCHED'],
  },
  {
    status: 408,
    meaning: 'The upload did not go on in time',
    codes: ['WX_CLOUD_BODY_STALLED'],
  },
  { status: 413, meaning: 'A file is too large', codes: ['WX_CLOUD_FILE_TOO_LARGE'] },
  {
    status: 415,
    meaning: 'The content of a file shows a type that is not accepted',
    codes: ['WX_CLOUD_TYPE_REFUSED'],
  },
  {
    status: 502,
    meaning: 'The cloud storage could not complete the upload',
    codes: ['WX_CLOUD_UPLOAD_REJECTED', 'WX_CLOUD_API_FAILED', 'WX_CLOUD_CONNECTION_FAILED'],
  },
  {
    status: 503,
    meaning: 'There are too many uploads at the moment, or the cloud storage is not available',
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

const PROPERTIES: Readonly<Record<keyof WxCloudUploadedFile, ApiPropertyOptions>> = {
  fieldname: text('The name of the form field.', 'photo'),
  originalname: text('The name that the client gave, made safe to show.', 'cat.png'),
  encoding: text("The part's transfer encoding.", '7bit'),
  mimetype: text('The type that the client claimed.', 'image/png'),
  size: { type: 'integer', description: 'How many bytes were stored.', example: 68 },
  fileId: text('The file ID.', 'cloud://env.bucket/photos/cat.png'),
  cloudPath: text("The object's path.", 'photos/cat.png'),
  contentType: text('The type it was stored with: the content shows it.', 'image/png'),
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

/** A field of a form that takes files, as a document shows it. */
interface FormFile {
  readonly name: string;
  readonly many: boolean;
  readonly maxCount?: number | undefined;
  readonly required: boolean;
  readonly description: string | undefined;
}

/** The schema of a form that has these files and nothing else. */
function formSchemaOf(files: readonly FormFile[]): {
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
 * A class of its own for a form that has the fields of `body` too: one schema with all fields in
 * one place, so that nothing that reads the document has to join two by `allOf`.
 */
function formClassOf(body: Type<unknown>, name: string, files: readonly FormFile[]): Type<unknown> {
  class FormSchema extends (body as Type<object>) {}
  Object.defineProperty(FormSchema, 'name', { value: name });
  for (const file of files) {
    const property = { ...fileSchemaOf(file), required: file.required };
    ApiProperty(property)(FormSchema.prototype, file.name);
  }
  return FormSchema;
}

function fileSchemaOf({ many, maxCount, description }: FormFile) {
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

/** Gives {@link WxCloudUploadedFile} its schema; the root entry does not know Swagger. */
export function describeUploadedFile(): void {
  for (const [name, options] of Object.entries(PROPERTIES)) {
    ApiProperty(options)(WxCloudUploadedFile.prototype, name);
  }
}

/** Options of all decorators for uploads. */
export interface ApiWxCloudFormOptions {
  /**
   * The class of the form's text fields, as in `@Body() body: CreatePhotoDto`; they are shown
   * beside the files, in a schema of the route's own. @defaultValue no text fields
   */
  readonly body?: Type<unknown> | undefined;
}

/** Documentation of the files of one field. */
export interface ApiWxCloudFileOptions extends ApiWxCloudFormOptions {
  /** True where the field takes several files: `WxCloudFilesInterceptor`. @defaultValue false */
  readonly many?: boolean | undefined;
  /**
   * The most files that it takes, with `many`.
   * @defaultValue no number is shown
   */
  readonly maxCount?: number | undefined;
  /** False where the interceptor has `required: false`. @defaultValue true */
  readonly required?: boolean | undefined;
  /** Shown beside the field. @defaultValue none */
  readonly description?: string | undefined;
}

/** A field of {@link ApiWxCloudFileFields}; those of `WxCloudFileFieldsInterceptor` will do. */
export interface ApiWxCloudFileField {
  /** The field's name. */
  readonly name: string;
  /**
   * The most files that it takes; a field for one is shown as one file.
   * @defaultValue no number is shown
   */
  readonly maxCount?: number | undefined;
  /**
   * True where each form has to have it; the interceptor asks for any file of any field.
   * @defaultValue false
   */
  readonly required?: boolean | undefined;
  /** Shown beside the field. @defaultValue none */
  readonly description?: string | undefined;
}

/** Documentation of files in fields of any name. */
export interface ApiWxCloudAnyFilesOptions extends ApiWxCloudFormOptions {
  /** The name that they are shown under. @defaultValue files */
  readonly field?: string | undefined;
  /** False where the interceptor has `required: false`. @defaultValue true */
  readonly required?: boolean | undefined;
  /** Shown beside the field. @defaultValue none */
  readonly description?: string | undefined;
}

/**
 * Documents a route behind `WxCloudFileInterceptor`, or with `many` behind
 * `WxCloudFilesInterceptor`: a multipart form with the file and the text fields, and how it is
 * refused.
 * @example
 * ```ts
 * @Post()
 * @ApiWxCloudFile('photo', { body: CreatePhotoDto })
 * @ApiCreatedResponse({ type: WxCloudUploadedFile })
 * @UseInterceptors(WxCloudFileInterceptor('photo'))
 * create(@UploadedFile() photo: WxCloudUploadedFile, @Body() body: CreatePhotoDto) { … }
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

/** Documents a route behind `WxCloudFileFieldsInterceptor`, as {@link ApiWxCloudFile} does. */
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
 * Documents a route behind `WxCloudAnyFilesInterceptor`, as {@link ApiWxCloudFile} does. A document
 * has to name the field, so it shows one for all files.
 */
export function ApiWxCloudAnyFiles(options: ApiWxCloudAnyFilesOptions = {}): MethodDecorator {
  const { field = 'files', required = true, description, body } = options;
  const files = [{ name: field, many: true, required, description }];
  return documentForm(files, required, body);
}

function documentForm(
  files: readonly FormFile[],
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

/** `PhotosControllerCreateForm`: schemas of one document share their names. */
function formNameOf(target: object, key: string | symbol): string {
  const method = String(key);
  return `${target.constructor.name}${method.charAt(0).toUpperCase()}${method.slice(1)}Form`;
}

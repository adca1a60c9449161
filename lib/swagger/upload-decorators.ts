import { applyDecorators, type Type } from '@nestjs/common';
import { ApiBody, ApiConsumes } from '@nestjs/swagger';
import { ApiWxCloudRefusals } from './refusals.js';
import { formClassOf, formSchemaOf, type FormFile } from './upload-form.js';

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
  return documentForm(files, { isRequired: required, body });
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
  return documentForm(files, { isRequired: true, body: options.body });
}

/**
 * Documents a route behind `WxCloudAnyFilesInterceptor`, as {@link ApiWxCloudFile} does. A document
 * has to name the field, so it shows one for all files.
 */
export function ApiWxCloudAnyFiles(options: ApiWxCloudAnyFilesOptions = {}): MethodDecorator {
  const { field = 'files', required = true, description, body } = options;
  const files = [{ name: field, many: true, required, description }];
  return documentForm(files, { isRequired: required, body });
}

interface Form {
  readonly isRequired: boolean;
  readonly body: Type<unknown> | undefined;
}

function documentForm(files: readonly FormFile[], { isRequired, body }: Form): MethodDecorator {
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

import type { Type } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';

/** A field of a form that takes files, as a document shows it. */
export interface FormFile {
  readonly name: string;
  readonly many: boolean;
  readonly maxCount?: number | undefined;
  readonly required: boolean;
  readonly description: string | undefined;
}

interface OneFile {
  readonly type: 'string';
  readonly format: 'binary';
}

interface SeveralFiles {
  readonly type: 'array';
  readonly items: OneFile;
  readonly maxItems?: number;
}

type FileSchema = (OneFile | SeveralFiles) & { readonly description?: string };

const ONE_FILE: OneFile = { type: 'string', format: 'binary' };

/** The schema of a form that has these files and nothing else. */
export function formSchemaOf(files: readonly FormFile[]): {
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
export function formClassOf(
  body: Type<unknown>,
  name: string,
  files: readonly FormFile[],
): Type<unknown> {
  class UploadForm extends (body as Type<object>) {}
  Object.defineProperty(UploadForm, 'name', { value: name });
  for (const file of files) {
    const property = { ...fileSchemaOf(file), required: file.required };
    ApiProperty(property)(UploadForm.prototype, file.name);
  }
  return UploadForm;
}

function fileSchemaOf({ many, maxCount, description }: FormFile): FileSchema {
  const isCounted = maxCount !== undefined && Number.isFinite(maxCount);
  return {
    ...(many
      ? { type: 'array', items: ONE_FILE, ...(isCounted && { maxItems: maxCount }) }
      : ONE_FILE),
    ...(description !== undefined && { description }),
  };
}

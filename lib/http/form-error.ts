import { HttpException } from '@nestjs/common';
import { FileTooLargeError, WxCloudStorageError } from '../errors/index.js';

/** What a form may be refused for, by multer's codes. */
const FORM_ADVICE: Readonly<Record<string, string>> = {
  LIMIT_PART_COUNT: 'it has too many parts',
  LIMIT_FILE_COUNT: 'it has too many files',
  LIMIT_FIELD_KEY: 'the name of a field is too long',
  LIMIT_FIELD_VALUE: 'a text field is too long',
  LIMIT_FIELD_COUNT: 'it has too many text fields',
  LIMIT_FIELD_NESTING: 'the name of a field is nested too deeply',
  LIMIT_FIELD_ARRAY_INDEX: 'the name of a field holds too large an index',
  INVALID_FIELD_NAME: 'the name of a field is not acceptable',
  LIMIT_UNEXPECTED_FILE:
    'it has a file in a field that takes none, or more files than the field takes',
  MISSING_FIELD_NAME: 'a part has no name',
  LIMIT_JSON_FIELDS_SIZE: 'its JSON fields are too large',
};

/** On Fastify, Nest gives multer's texts, some with the name of the field behind them, without the codes. */
const CODES_BY_TEXT: readonly (readonly [string, string])[] = [
  ['Too many parts', 'LIMIT_PART_COUNT'],
  ['File too large', 'LIMIT_FILE_SIZE'],
  ['Too many files', 'LIMIT_FILE_COUNT'],
  ['Field name too long', 'LIMIT_FIELD_KEY'],
  ['Field value too long', 'LIMIT_FIELD_VALUE'],
  ['Too many fields', 'LIMIT_FIELD_COUNT'],
  ['Unexpected file field', 'LIMIT_UNEXPECTED_FILE'],
  ['Field name missing', 'MISSING_FIELD_NAME'],
  ['Field name nesting too deep', 'LIMIT_FIELD_NESTING'],
  ['Field name array index too large', 'LIMIT_FIELD_ARRAY_INDEX'],
  ['Invalid field name', 'INVALID_FIELD_NAME'],
  ['JSON field values too large', 'LIMIT_JSON_FIELDS_SIZE'],
];

/**
 * Turns what parsing a form threw into an error of this package: `WX_CLOUD_FILE_TOO_LARGE` for a file over the limit,
 * `WX_CLOUD_FORM_INVALID` for all else that is the client's doing. Other errors are passed back as they are.
 */
export function toFormError(error: unknown, fileSizeLimit: number): unknown {
  const code = findCode(error);
  if (code === 'LIMIT_FILE_SIZE') {
    return new FileTooLargeError({ subject: 'The file', limitBytes: fileSizeLimit });
  }
  if (code !== undefined) {
    const advice = Object.hasOwn(FORM_ADVICE, code) ? FORM_ADVICE[code] : undefined;
    return formInvalid(advice ?? 'it breaks a limit');
  }
  const isRefusal = error instanceof HttpException && error.getStatus() < 500;
  if (isRefusal || isBrokenForm(error)) return formInvalid('it is no complete multipart/form-data');
  return error;
}

/** The error for a form that a client has to send in another way. */
export function formInvalid(reason: string): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_FORM_INVALID',
    message: `The form is refused: ${reason}.`,
  });
}

function findCode(error: unknown): string | undefined {
  if (!(error instanceof HttpException)) return multerCode(error);
  return multerCode(error.cause) ?? codeOfText(error.message);
}

function multerCode(error: unknown): string | undefined {
  const { name, code } = (error ?? {}) as { readonly name?: unknown; readonly code?: unknown };
  return name === 'MulterError' && typeof code === 'string' ? code : undefined;
}

function codeOfText(message: string): string | undefined {
  const found = CODES_BY_TEXT.find(
    ([text]) => message === text || message.startsWith(`${text} - `),
  );
  return found?.[1];
}

/** The parsers report broken and broken-off forms by message only. */
function isBrokenForm(error: unknown): boolean {
  if (!(error instanceof Error) || error instanceof WxCloudStorageError) return false;
  return /^(?:Malformed|Unexpected end of|Missing Content-Type|Multipart|Unsupported content[ -]type|Request (?:aborted|closed|error)|The needle cannot)/i.test(
    error.message,
  );
}

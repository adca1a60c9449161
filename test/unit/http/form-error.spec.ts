import {
  BadRequestException,
  HttpException,
  InternalServerErrorException,
  PayloadTooLargeException,
} from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import { WxCloudStorageError } from '../../../lib/errors/index.js';
import { formInvalid, toFormError } from '../../../lib/http/form-error.js';

const LIMIT = 1_024;

/** An error as multer makes it. */
function multerError(code: string): Error {
  return Object.assign(new Error(`multer says ${code}`), { name: 'MulterError', code });
}

/** What Nest turns it into, where it keeps the cause. */
function inException(cause: unknown): HttpException {
  return new BadRequestException('x', { cause });
}

describe('toFormError', () => {
  it.each([
    ['as multer throws it', multerError('LIMIT_FILE_SIZE')],
    [
      'as Nest wraps it',
      new PayloadTooLargeException('x', { cause: multerError('LIMIT_FILE_SIZE') }),
    ],
  ])('takes a file over the limit for too large, %s', (_, error) => {
    expect(toFormError(error, LIMIT)).toMatchObject({
      code: 'WX_CLOUD_FILE_TOO_LARGE',
      limitBytes: LIMIT,
    });
  });

  it.each([
    ['LIMIT_PART_COUNT', 'too many parts'],
    ['LIMIT_FILE_COUNT', 'too many files'],
    ['LIMIT_FIELD_KEY', 'too long'],
    ['LIMIT_FIELD_VALUE', 'too long'],
    ['LIMIT_FIELD_COUNT', 'too many text fields'],
    ['LIMIT_FIELD_NESTING', 'nested'],
    ['LIMIT_FIELD_ARRAY_INDEX', 'index'],
    ['INVALID_FIELD_NAME', 'not acceptable'],
    ['LIMIT_UNEXPECTED_FILE', 'takes none'],
    ['MISSING_FIELD_NAME', 'no name'],
    ['A_CODE_OF_TOMORROW', 'breaks a limit'],
    ['constructor', 'breaks a limit'],
    ['toString', 'breaks a limit'],
  ])('explains %s, thrown or wrapped', (code, advice) => {
    for (const error of [multerError(code), inException(multerError(code))]) {
      const found = toFormError(error, LIMIT) as Error;
      expect(found).toMatchObject({ code: 'WX_CLOUD_FORM_INVALID' });
      expect(found.message).toContain(advice);
    }
  });

  it.each([
    ['Too many parts', 'too many parts'],
    ['Too many files', 'too many files'],
    ['Field name too long', 'too long'],
    ['Field value too long - a', 'too long'],
    ['Too many fields', 'too many text fields'],
    ['Unexpected file field - <b>', 'takes none'],
    ['Field name missing', 'no name'],
    ['Field name nesting too deep - a', 'nested'],
    ['Field name array index too large - a', 'index'],
    ['Invalid field name - a', 'not acceptable'],
    ['JSON field values too large - a', 'JSON'],
    ['Too many partsetc', 'no complete'],
  ])("explains %p, which is all that Nest's Fastify adapter says", (message, advice) => {
    const found = toFormError(new BadRequestException(message), LIMIT) as Error;
    expect(found).toMatchObject({ code: 'WX_CLOUD_FORM_INVALID' });
    expect(found.message).toContain(advice);
  });

  it('takes a file over the limit for too large when only the text says so', () => {
    expect(toFormError(new PayloadTooLargeException('File too large'), LIMIT)).toMatchObject({
      code: 'WX_CLOUD_FILE_TOO_LARGE',
    });
  });

  it.each([
    'Malformed part header',
    'Malformed content type',
    'Unexpected end of form',
    'Unexpected end of file',
    'Missing Content-Type',
    'Unexpected end of multipart data',
    'Unsupported Content-Type.',
    'The needle cannot have a length bigger than 256.',
    'Multipart: Boundary not found',
    'Unsupported content type: text/plain',
    'Request aborted',
    'Request closed',
  ])('takes %p for a broken form', message => {
    expect(toFormError(new Error(message), LIMIT)).toMatchObject({
      code: 'WX_CLOUD_FORM_INVALID',
    });
    expect(toFormError(new BadRequestException(message), LIMIT)).toMatchObject({
      code: 'WX_CLOUD_FORM_INVALID',
    });
  });

  it.each([
    ['an error of this package', formInvalid('x')],
    [
      'an error of this package whose text begins alike',
      new WxCloudStorageError({ code: 'WX_CLOUD_BODY_FAILED', message: 'Malformed' }),
    ],
    ['a fault of the server', new InternalServerErrorException()],
    ['a plain error', new Error('disk gone')],
    ['an error that only mentions a form', new Error('no Malformed thing')],
    ['an error with a code of its own', Object.assign(new Error('x'), { code: 'LIMIT_FILE_SIZE' })],
    ['undefined', undefined],
    ['null', null],
    ['a text', 'Malformed'],
    ['an error of multer without a code', Object.assign(new Error('x'), { name: 'MulterError' })],
  ])('passes %s back as it is', (_, error) => {
    expect(toFormError(error, LIMIT)).toBe(error);
  });

  it('repeats nothing of what the form held', () => {
    const error = new BadRequestException('Unexpected field - <script>');
    expect((toFormError(error, LIMIT) as Error).message).not.toContain('<script>');
  });
});

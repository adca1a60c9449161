import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiResponse } from '@nestjs/swagger';
import type { WxCloudStorageErrorCode } from '../index.js';

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

/** Documents the statuses of {@link REFUSALS}. */
export function ApiWxCloudRefusals(): MethodDecorator {
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

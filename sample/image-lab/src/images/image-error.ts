import { HttpException, HttpStatus } from '@nestjs/common';

/** What can be wrong with a request for an image, beyond what the storage reports itself. */
export type ImageErrorCode =
  | 'DELETION_INVALID'
  | 'GALLERY_FULL'
  | 'IMAGE_PIXELS_EXCEEDED'
  | 'IMAGE_UNKNOWN'
  | 'IMAGE_UNREADABLE'
  | 'LAB_BUSY'
  | 'OPERATION_INVALID'
  | 'RESULT_TOO_LARGE'
  | 'UPLOAD_INVALID'
  | 'UPLOAD_UNKNOWN';

const STATUS: Readonly<Record<ImageErrorCode, HttpStatus>> = {
  DELETION_INVALID: HttpStatus.BAD_REQUEST,
  GALLERY_FULL: HttpStatus.CONFLICT,
  IMAGE_PIXELS_EXCEEDED: HttpStatus.UNPROCESSABLE_ENTITY,
  IMAGE_UNKNOWN: HttpStatus.NOT_FOUND,
  IMAGE_UNREADABLE: HttpStatus.UNPROCESSABLE_ENTITY,
  LAB_BUSY: HttpStatus.SERVICE_UNAVAILABLE,
  OPERATION_INVALID: HttpStatus.BAD_REQUEST,
  RESULT_TOO_LARGE: HttpStatus.UNPROCESSABLE_ENTITY,
  UPLOAD_INVALID: HttpStatus.BAD_REQUEST,
  UPLOAD_UNKNOWN: HttpStatus.NOT_FOUND,
};

/** Further members of an {@link ImageError}'s body, for the page to say it in its own words. */
export interface ImageErrorDetails {
  /** The option of an operation that is at fault. */
  readonly option?: string;
  /** The least that a number may be. */
  readonly min?: number;
  /** The most that a number may be. */
  readonly max?: number;
}

/**
 * Answered with the status of its code; the body has the shape that the storage's own errors have.
 */
export class ImageError extends HttpException {
  constructor(
    errorCode: ImageErrorCode,
    message: string,
    { cause, ...details }: ImageErrorDetails & ErrorOptions = {},
  ) {
    const statusCode = STATUS[errorCode];
    const body = { statusCode, message, error: 'Image Error', errorCode, ...details };
    super(body, statusCode, { cause });
  }
}

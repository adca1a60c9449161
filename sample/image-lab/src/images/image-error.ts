import { HttpException, HttpStatus } from '@nestjs/common';

/** The code of an error in a request for an image; the storage has its own codes. */
export type ImageErrorCode =
  | 'DELETION_INVALID'
  | 'GALLERY_FULL'
  | 'IMAGE_PIXELS_EXCEEDED'
  | 'IMAGE_UNKNOWN'
  | 'IMAGE_UNREADABLE'
  | 'LAB_BUSY'
  | 'OPERATION_INVALID'
  | 'RESULT_TOO_LARGE'
  | 'UPLOAD_CONFIRMED'
  | 'UPLOAD_INVALID';

const STATUS: Readonly<Record<ImageErrorCode, HttpStatus>> = {
  DELETION_INVALID: HttpStatus.BAD_REQUEST,
  GALLERY_FULL: HttpStatus.CONFLICT,
  IMAGE_PIXELS_EXCEEDED: HttpStatus.UNPROCESSABLE_ENTITY,
  IMAGE_UNKNOWN: HttpStatus.NOT_FOUND,
  IMAGE_UNREADABLE: HttpStatus.UNPROCESSABLE_ENTITY,
  LAB_BUSY: HttpStatus.SERVICE_UNAVAILABLE,
  OPERATION_INVALID: HttpStatus.BAD_REQUEST,
  RESULT_TOO_LARGE: HttpStatus.UNPROCESSABLE_ENTITY,
  UPLOAD_CONFIRMED: HttpStatus.CONFLICT,
  UPLOAD_INVALID: HttpStatus.BAD_REQUEST,
};

/**
 * Additional members in the body of an {@link ImageError}, from which the page composes its own
 * text.
 */
export interface ImageErrorDetails {
  /** The invalid option of an operation. */
  readonly option?: string;
  /** The minimum of a number. */
  readonly min?: number;
  /** The maximum of a number. */
  readonly max?: number;
}

/**
 * An error whose code decides the HTTP status. Its body has the same shape as the storage's errors.
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

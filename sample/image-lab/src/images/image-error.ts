import { HttpException, HttpStatus } from '@nestjs/common';

/** What can be wrong with a request for an image, beyond what the storage reports itself. */
export type ImageErrorCode =
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

/** Answered with the status of its code; the body has the shape that the storage's own errors have. */
export class ImageError extends HttpException {
  constructor(errorCode: ImageErrorCode, message: string, cause?: unknown) {
    const statusCode = STATUS[errorCode];
    super({ statusCode, message, error: 'Image Error', errorCode }, statusCode, { cause });
  }
}

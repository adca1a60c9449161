import { WxCloudStorageError } from './wx-cloud-storage.error.js';

/** The named parts of a {@link FileTooLargeError}. */
export interface FileTooLargeErrorParts {
  /** The file or part of a request. */
  readonly subject: string;
  /** The limit in bytes. */
  readonly limitBytes: number;
  /** The problem and its remedy. @defaultValue the limit, and to raise it */
  readonly problem?: string | undefined;
  /** The failure that showed it. */
  readonly cause?: unknown;
}

/** A file or a download has more bytes than allowed. Code `WX_CLOUD_FILE_TOO_LARGE`. */
export class FileTooLargeError extends WxCloudStorageError {
  /** The limit that was passed, in bytes. */
  readonly limitBytes: number;

  /** Builds the error for a limit. */
  constructor({ subject, limitBytes, problem, cause }: FileTooLargeErrorParts) {
    const usual = `has more than the ${limitBytes} bytes allowed. Send less, or raise the limit.`;
    super({
      code: 'WX_CLOUD_FILE_TOO_LARGE',
      message: `${subject} ${problem ?? usual}`,
      cause,
    });
    this.limitBytes = limitBytes;
  }
}

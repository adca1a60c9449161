import { WxCloudStorageError } from './wx-cloud-storage.error.js';

/** A file or a download has more bytes than allowed. Code `WX_CLOUD_FILE_TOO_LARGE`. */
export class FileTooLargeError extends WxCloudStorageError {
  /** The limit that was passed, in bytes. */
  readonly limitBytes: number;

  /** Builds the error for a limit; `subject` says what was too large. */
  constructor({ subject, limitBytes }: { readonly subject: string; readonly limitBytes: number }) {
    super({
      code: 'WX_CLOUD_FILE_TOO_LARGE',
      message: `${subject} has more than the ${limitBytes} bytes allowed. Send less, or raise the limit.`,
    });
    this.limitBytes = limitBytes;
  }
}

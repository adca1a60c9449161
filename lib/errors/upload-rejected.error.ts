import { WxCloudStorageError } from './wx-cloud-storage.error.js';

/** The named parts of an {@link UploadRejectedError}. */
export interface UploadRejectedErrorParts {
  /** The HTTP status that COS answered with. */
  readonly upstreamStatus: number;
  /** The `<Code>` of COS's error document, when there was one. */
  readonly cosCode: string | undefined;
  /** The path the object would have had. */
  readonly cloudPath: string;
  /** What came back, in words; masked. */
  readonly answer: string;
  /** Whether a repeat with a fresh link may succeed. */
  readonly retryable: boolean;
  /** `x-cos-request-id` or the document's `<RequestId>`. */
  readonly requestId: string | undefined;
}

/** COS did not confirm that it stored the object. Code `WX_CLOUD_UPLOAD_REJECTED`. */
export class UploadRejectedError extends WxCloudStorageError {
  /** The `<Code>` of COS's error document, e.g. `SlowDown`. @see https://cloud.tencent.com/document/api/436/7730 */
  declare readonly cosCode?: string;
  /** The path the object would have had. */
  readonly cloudPath: string;

  /** Builds the error from COS's answer. */
  constructor(parts: UploadRejectedErrorParts) {
    super({
      code: 'WX_CLOUD_UPLOAD_REJECTED',
      message: `Uploading "${parts.cloudPath}" failed: COS answered ${parts.answer}. ${adviceFor(parts)}`,
      retryable: parts.retryable,
      upstreamStatus: parts.upstreamStatus,
      requestId: parts.requestId,
      endpoint: 'POST object',
    });
    if (parts.cosCode !== undefined) this.cosCode = parts.cosCode;
    this.cloudPath = parts.cloudPath;
  }
}

const ADVICE: ReadonlyMap<string | undefined, string> = new Map([
  [
    'AccessDenied',
    'Check that the environment is active, and that this machine has the right time.',
  ],
  ['RequestTimeTooSkewed', 'Set this machine to the right time: it is more than 15 minutes off.'],
  ['EntityTooLarge', 'One object may have 5 GB at most.'],
  ['PaymentRequired', 'The environment is in arrears or suspended: check its billing.'],
]);

function adviceFor({ cosCode, retryable }: UploadRejectedErrorParts): string {
  if (retryable) return 'Try again later.';
  return ADVICE.get(cosCode) ?? 'Quote the request ID to Tencent Cloud support if it persists.';
}

/**
 * The documented codes by HTTP status.
 * @see https://cloud.tencent.com/document/api/436/7730
 */
const STATUSES: Readonly<Record<number, readonly string[]>> = {
  402: ['PaymentRequired'],
  403: [
    'AccessDenied',
    'AccessForbidden',
    'InvalidAccessKeyId',
    'RequestTimeTooSkewed',
    'SignatureDoesNotMatch',
  ],
  404: ['NoSuchBucket', 'NoSuchKey', 'NoSuchUpload'],
  405: ['MethodNotAllowed'],
  409: ['FileAlreadyExists', 'PathConflict'],
  411: ['MissingContentLength'],
  412: ['PreconditionFailed'],
  416: ['InvalidRange'],
  500: ['InternalError'],
  501: ['NotImplemented'],
  503: ['ServiceUnavailable', 'SlowDown'],
};

/** A refusal of a JSON endpoint: HTTP 200 with an `errcode`. */
export class ApiRefusal extends Error {
  /** The `errcode`. */
  readonly errcode: number;

  /** Creates a refusal. `errmsg` has no request ID; the response appends it. */
  constructor(errcode: number, errmsg: string) {
    super(errmsg);
    this.name = 'ApiRefusal';
    this.errcode = errcode;
  }
}

/** Returns the HTTP status of a COS error code; 400 for codes that are not in the table. */
export function statusOfCosCode(cosCode: string): number {
  const found = Object.entries(STATUSES).find(([, codes]) => codes.includes(cosCode));
  return found === undefined ? 400 : Number(found[0]);
}

/** A refusal of the object storage, with an XML error document. */
export class CosRefusal extends Error {
  /** The `<Code>`. */
  readonly cosCode: string;
  /** Additional response headers. */
  readonly headers: Readonly<Record<string, string>>;

  /** Creates a refusal. `message` is the `<Message>`. */
  constructor(cosCode: string, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.name = 'CosRefusal';
    this.cosCode = cosCode;
    this.headers = headers;
  }
}

import { formBroken } from './form-invalid.js';
import { parseHeaderValue } from './header-value.js';

/** The RFC allows 70; a longer one does no harm within limits. @see https://www.rfc-editor.org/rfc/rfc2046#section-5.1.1 */
const LONGEST_BOUNDARY = 250;

/** Whether a request's `Content-Type` announces parts of any kind. */
export function isMultipart(contentType: string | undefined): boolean {
  return /^multipart\//i.test(contentType ?? '');
}

/**
 * Finds what separates the parts of a form in the request's `Content-Type`.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_FORM_INVALID` when it is not that of a form, or has no usable boundary
 */
export function readBoundary(contentType: string | undefined): string {
  const header = parseHeaderValue(contentType ?? '');
  const boundary = header?.parameters.get('boundary') ?? '';
  const isUsable = /^[\x20-\x7e\x80-\xff]+$/.test(boundary) && boundary.length <= LONGEST_BOUNDARY;
  if (header?.value !== 'multipart/form-data' || !isUsable) throw formBroken();
  return boundary;
}

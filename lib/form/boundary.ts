import { quoteText } from './client-text.js';
import { formInvalid } from './form-invalid.js';
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
  if (header === undefined) throw formInvalid('its Content-Type is malformed');
  if (header.value !== 'multipart/form-data') throw formInvalid(notAForm(contentType));
  const boundary = header.parameters.get('boundary') ?? '';
  if (boundary === '') {
    throw formInvalid(
      'its Content-Type names no boundary; clients that make a form set this header by themselves',
    );
  }
  const isUsable = /^[\x20-\x7e\x80-\xff]+$/.test(boundary) && boundary.length <= LONGEST_BOUNDARY;
  if (!isUsable) {
    throw formInvalid(
      `the boundary in its Content-Type has control characters, or more than ${LONGEST_BOUNDARY} bytes`,
    );
  }
  return boundary;
}

/** The problem of a request that brings something else, as the end of a sentence. */
export function notAForm(contentType: string | undefined): string {
  const given = contentType === undefined ? 'missing' : quoteText(contentType);
  return `its Content-Type is ${given}, and has to be multipart/form-data`;
}

/**
 * Makes sure that a form comes as it is.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_FORM_INVALID` when it is compressed
 */
export function assertNotEncoded(contentEncoding: string | undefined): void {
  const encoding = contentEncoding?.trim().toLowerCase() ?? '';
  if (encoding === '' || encoding === 'identity') return;
  throw formInvalid(
    `its body is compressed (Content-Encoding ${quoteText(encoding)}); send it as it is`,
  );
}

import { WxCloudStorageError } from '../errors/index.js';
import { formInvalid } from '../form/index.js';

/** What a parsed request may hold. */
export interface ParsedRequest {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly file?: unknown;
  readonly files?: unknown;
}

/**
 * Makes sure that a form brought a file.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_FILE_REQUIRED`, or `WX_CLOUD_FORM_INVALID` when it is no form at all
 */
export function assertHasFile(request: ParsedRequest): void {
  const { file, files } = request;
  if (file !== undefined || hasAny(files)) return;
  const contentType = String(request.headers['content-type'] ?? '');
  if (!/^multipart\/form-data\b/i.test(contentType)) {
    throw formInvalid('it is not multipart/form-data');
  }
  throw new WxCloudStorageError({
    code: 'WX_CLOUD_FILE_REQUIRED',
    message: 'The form has no file. Send one in the expected field.',
  });
}

/** A list, or something for every field: a list too, or what another parser puts there. */
function hasAny(files: unknown): boolean {
  if (Array.isArray(files)) return files.length > 0;
  return Object.values(files ?? {}).some(found => !Array.isArray(found) || found.length > 0);
}

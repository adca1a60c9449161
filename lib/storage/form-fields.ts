import type { UploadLink } from '../wire/index.js';

/** What a form to COS is for. */
export interface FormSubject {
  /** Where and with which credentials; for one path only. */
  readonly link: UploadLink;
  /** The path, sent as the raw UTF-8 field `key`. */
  readonly cloudPath: string;
  /** Sent as the form field `Content-Type`, as COS ignores the type on the file's own part; undefined leaves it out. */
  readonly contentType: string | undefined;
}

/** The fields of a form upload, in their order; the file comes behind them. @see https://cloud.tencent.com/document/api/436/14690 */
export function toFormFields({
  link,
  cloudPath,
  contentType,
}: FormSubject): Readonly<Record<string, string>> {
  return {
    key: cloudPath,
    Signature: link.signature,
    'x-cos-security-token': link.securityToken,
    'x-cos-meta-fileid': link.metaFileId,
    ...(contentType === undefined ? {} : { 'Content-Type': contentType }),
  };
}

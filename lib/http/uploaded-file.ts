/**
 * A file that was stored: multer's shape, and where it is. Its `buffer`, which is not declared here,
 * is not the content: it tells the type to Nest's `FileTypeValidator`.
 *
 * A class, so that it can name the type of a response in an OpenAPI document, and its schema there
 * comes with `nestjs-wx-cloud-storage/swagger`. The files that handlers get are plain objects all
 * the same, as multer's are: `instanceof` does not know them.
 */
export class WxCloudUploadedFile {
  /** The name of the form field. */
  declare readonly fieldname: string;
  /**
   * The name that the client gave, in UTF-8, without folders, control characters and marks that
   * change the direction of text, at most 255 characters with the extension kept. A name of which
   * nothing is left is `file`.
   */
  declare readonly originalname: string;
  /** multer's name for the part's transfer encoding. */
  declare readonly encoding: string;
  /** The type that the client claimed; `contentType` is what the content shows. */
  declare readonly mimetype: string;
  /** The number of bytes that were stored. */
  declare readonly size: number;
  /** `cloud://env.bucket/path`. */
  declare readonly fileId: string;
  /** The object's path. */
  declare readonly cloudPath: string;
  /** The type it was stored with. */
  declare readonly contentType: string;
  /** The ETag that COS answered, without quotes: the MD5 of the content. */
  declare readonly etag: string;
}

import { WxCloudStorageError } from './wx-cloud-storage.error.js';

/**
 * The type found in a file's first bytes is not among the accepted ones, or not the one that the
 * file was stored with. Code `WX_CLOUD_TYPE_REFUSED`.
 */
export class TypeRefusedError extends WxCloudStorageError {
  /** The type found, or undefined when the bytes show none. */
  readonly detectedType: string | undefined;
  /** The types that are accepted, wildcards included. */
  readonly accepted: readonly string[];

  /**
   * Builds the error from the type found, and the accepted ones or the one the file was stored
   * with.
   */
  constructor(parts: {
    readonly detectedType: string | undefined;
    readonly accepted: readonly string[];
    /**
     * The type that the file was stored with, if that is what does not fit; in words when it is
     * none.
     */
    readonly storedAs?: string;
    /** The file, as part of a sentence. @defaultValue file */
    readonly subject?: string;
    /** The file has no content at all. @defaultValue false */
    readonly isEmpty?: boolean;
  }) {
    const { detectedType, accepted, storedAs, subject = 'file', isEmpty = false } = parts;
    const found = detectedType ?? (isEmpty ? 'empty' : 'of no recognisable type');
    const problem =
      storedAs === undefined
        ? `accepted: ${accepted.join(', ')}. Send a file of an accepted type.`
        : `${storedAs}. Post the form with the fields it was given, for a file of their type.`;
    super({
      code: 'WX_CLOUD_TYPE_REFUSED',
      message: `The content of the ${subject} is ${found}; ${problem}`,
    });
    this.detectedType = parts.detectedType;
    this.accepted = parts.accepted;
  }
}

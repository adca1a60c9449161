import { WxCloudStorageError } from './wx-cloud-storage.error.js';

/** The type found in a file's first bytes is not among the accepted ones. Code `WX_CLOUD_TYPE_REFUSED`. */
export class TypeRefusedError extends WxCloudStorageError {
  /** The type found, or undefined when the bytes show none. */
  readonly detectedType: string | undefined;
  /** The types that are accepted, wildcards included. */
  readonly accepted: readonly string[];

  /** Builds the error from what was found and what is accepted. */
  constructor(parts: {
    readonly detectedType: string | undefined;
    readonly accepted: readonly string[];
  }) {
    const found = parts.detectedType ?? 'of no recognisable type';
    super({
      code: 'WX_CLOUD_TYPE_REFUSED',
      message: `The file's content is ${found}; accepted: ${parts.accepted.join(', ')}. Send a file of an accepted type.`,
    });
    this.detectedType = parts.detectedType;
    this.accepted = parts.accepted;
  }
}

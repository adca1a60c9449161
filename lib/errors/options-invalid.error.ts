import { WxCloudStorageError } from './wx-cloud-storage.error.js';

/** The named parts of an {@link OptionsInvalidError}. */
export interface OptionsInvalidErrorParts {
  /** The option's path, e.g. `timeouts.totalMs`. */
  readonly option: string;
  /**
   * The beginning of the message.
   * @defaultValue `WxCloudStorageModule: option "<option>"`
   */
  readonly subject?: string | undefined;
  /** What would be accepted. */
  readonly expected: string;
  /** What to do about it. */
  readonly remedy: string;
  /** What showed it, when something threw. */
  readonly cause?: unknown;
}

const partsOf = new WeakMap<OptionsInvalidError, OptionsInvalidErrorParts>();

/**
 * An option of the module, an interceptor or a pipe is missing or wrong, or a decorator does not
 * fit its interceptor. Names the option, never a secret. Code `WX_CLOUD_OPTIONS_INVALID`.
 */
export class OptionsInvalidError extends WxCloudStorageError {
  /** The option's path, e.g. `timeouts.totalMs`; or the decorator, e.g. `@FileId()`. */
  readonly option: string;

  /** Builds the error for one option. */
  constructor(parts: OptionsInvalidErrorParts) {
    const { option, expected, remedy, cause } = parts;
    const { subject = `WxCloudStorageModule: option "${option}"` } = parts;
    super({
      code: 'WX_CLOUD_OPTIONS_INVALID',
      message: `${subject} must be ${expected}. ${remedy}`,
      cause,
    });
    this.option = option;
    partsOf.set(this, parts);
  }
}

/** The same error of an option that something else than the module has. */
export function withSubject(error: OptionsInvalidError, subject: string): OptionsInvalidError {
  const parts = partsOf.get(error);
  return parts === undefined ? error : new OptionsInvalidError({ ...parts, subject });
}

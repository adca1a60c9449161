/** The context of all lines of this package: the name of its module. */
export const LOG_CONTEXT = 'WxCloudStorageModule';

/** Where lines for operators go; Nest's `Logger` fits. */
export interface StorageLogger {
  /** Takes what an operator may want to know of the start. */
  log(message: string): void;
  /** Takes what makes requests fail until an operator changes something. */
  error(message: string): void;
  /** Takes what an operator should look at. */
  warn(message: string): void;
  /** Takes what helps to follow what happened. */
  debug(message: string): void;
}

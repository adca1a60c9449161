/** Where lines for operators go; Nest's `Logger` fits. */
export interface StorageLogger {
  /** Takes what an operator should look at. */
  warn(message: string): void;
  /** Takes what helps to follow what happened. */
  debug(message: string): void;
}

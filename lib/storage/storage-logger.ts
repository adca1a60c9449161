/** Where warnings go; Nest's `Logger` fits. */
export interface StorageLogger {
  /** Takes one line for an operator to read. */
  warn(message: string): void;
}

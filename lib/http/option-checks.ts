import { OptionsInvalidError } from '../errors/index.js';
import { readBoolean } from '../options/index.js';

/**
 * Checks an option that may be left out.
 * @throws {@link OptionsInvalidError} unless it is true or false
 */
export function assertBoolean(option: string, value: unknown): void {
  if (value !== undefined) readBoolean(option, value);
}

/**
 * Checks the name of an instance; that there is one is found out later.
 * @throws {@link OptionsInvalidError}
 */
export function assertStorageName(value: unknown): void {
  if (value === undefined || (typeof value === 'string' && value !== '')) return;
  const isEngine = typeof value === 'object' || typeof value === 'function';
  throw new OptionsInvalidError({
    option: 'storage',
    expected: 'the name of an instance',
    remedy: isEngine
      ? "A storage engine is for Nest's own interceptors. Leave it out for the default instance."
      : 'Leave it out for the default instance.',
  });
}

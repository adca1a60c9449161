import { type ResolvedOptions, Secret } from './resolved-options.js';

/** Objects of the application, which are the same only if they are one object. */
const GIVEN_OBJECTS: ReadonlySet<string> = new Set([
  'auth.store',
  'pending',
  'replicas',
  'dispatcher',
]);

/** An option that two instances have differently. */
export interface OptionsDifference {
  /** Path of the option, e.g. `auth.secret`. */
  readonly option: string;
  /** True for two functions, stores or other objects of the application, equal as they may look. */
  readonly isOtherObject: boolean;
}

/**
 * Returns the first option that differs; undefined for equal options. Functions are the same only
 * if they are one function: another one may have a closure over other values.
 */
export function findDifference(
  one: ResolvedOptions,
  other: ResolvedOptions,
): OptionsDifference | undefined {
  const found = differenceOf(one, other, '');
  // Resolved to parts that users do not know.
  return found?.option.startsWith('cos.') === true ? { ...found, option: 'cos' } : found;
}

function differenceOf(one: unknown, other: unknown, path: string): OptionsDifference | undefined {
  if (Object.is(one, other)) return undefined;
  const isSame = one instanceof Secret && other instanceof Secret && one.equals(other);
  if (isSame) return undefined;
  if (!isGroup(one, path) || !isGroup(other, path)) {
    return { option: path, isOtherObject: isGiven(one, path) && isGiven(other, path) };
  }
  for (const name of new Set([...Object.keys(one), ...Object.keys(other)])) {
    const found = differenceOf(one[name], other[name], path === '' ? name : `${path}.${name}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** True for a function, or an object that the application has made. */
function isGiven(value: unknown, path: string): boolean {
  const isObject = typeof value === 'object' && value !== null;
  return typeof value === 'function' || (isObject && GIVEN_OBJECTS.has(path));
}

function isGroup(value: unknown, path: string): value is Readonly<Record<string, unknown>> {
  const isOurs = typeof value === 'object' && value !== null && !(value instanceof Secret);
  return isOurs && !GIVEN_OBJECTS.has(path);
}

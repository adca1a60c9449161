import { type ResolvedOptions, Secret } from './resolved-options.js';

/** Objects of the application, which are the same only if they are one object. */
const GIVEN_OBJECTS: ReadonlySet<string> = new Set([
  'auth.store',
  'pending',
  'replicas',
  'dispatcher',
]);

/**
 * Returns the path of the first option that differs, e.g. `auth.secret`; undefined for equal
 * options. Functions are the same only if they are one function: another one may have a closure
 * over other values.
 */
export function findDifference(one: ResolvedOptions, other: ResolvedOptions): string | undefined {
  const path = differenceOf(one, other, '');
  // Resolved to parts that users do not know.
  return path?.startsWith('cos.') === true ? 'cos' : path;
}

function differenceOf(one: unknown, other: unknown, path: string): string | undefined {
  if (Object.is(one, other)) return undefined;
  if (one instanceof Secret && other instanceof Secret) return one.equals(other) ? undefined : path;
  if (!isGroup(one, path) || !isGroup(other, path)) return path;
  for (const name of new Set([...Object.keys(one), ...Object.keys(other)])) {
    const found = differenceOf(one[name], other[name], path === '' ? name : `${path}.${name}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

function isGroup(value: unknown, path: string): value is Readonly<Record<string, unknown>> {
  const isOurs = typeof value === 'object' && value !== null && !(value instanceof Secret);
  return isOurs && !GIVEN_OBJECTS.has(path);
}

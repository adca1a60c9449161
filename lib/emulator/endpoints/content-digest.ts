import { CosRefusal } from '../state/refusals.js';

/**
 * Compares the MD5 of what was received with a `Content-MD5`, if there is one.
 * @throws {@link CosRefusal} BadDigest or InvalidDigest
 */
export function assertDigest(expected: string | undefined, actual: Buffer): void {
  if (expected === undefined || expected === actual.toString('base64')) return;
  const isDigest = /^[\w+/]{22}==$/.test(expected);
  throw new CosRefusal(
    isDigest ? 'BadDigest' : 'InvalidDigest',
    'The Content-MD5 you specified does not match what was received.',
  );
}

import type { CheckOutcome, StorageCheck } from '../index.js';
import { cleanText, MAX_LINE_CHARACTERS } from './clean-text.js';

/** The parts of a check in their order, and what it means when one is fine. */
const PARTS = [
  ['credential', 'WeChat gives an access token'],
  ['environment', 'WeChat gives an upload link for the environment'],
  ['write', 'the bucket takes an object'],
  ['read', 'the bucket gives the object back'],
  ['delete', 'the bucket deletes the object'],
] as const satisfies readonly (readonly [keyof StorageCheck, string])[];

const TITLES: Readonly<Record<CheckOutcome['status'], string>> = {
  ok: 'ok     ',
  failed: 'FAILED ',
  skipped: 'skipped',
};

/** Writes what a check has found, a line for each part. */
export function describeCheck(found: StorageCheck, withBucket: boolean): readonly string[] {
  return PARTS.map(([part, meaning]) => {
    const { status, error } = found[part];
    const isOfBucket = part !== 'credential' && part !== 'environment';
    const skipped = isOfBucket && !withBucket ? 'not asked for: --bucket' : 'not tried';
    const text = error === undefined ? meaning : `${error.code}: ${error.message}`;
    const line = `${TITLES[status]} ${part}: ${status === 'skipped' ? skipped : text}`;
    return cleanText(line, MAX_LINE_CHARACTERS);
  });
}

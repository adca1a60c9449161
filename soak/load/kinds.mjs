import { DOUBLE_CLICKS } from './double-clicks.mjs';
import { FLOODS } from './floods.mjs';
import { GARBAGE } from './garbage.mjs';
import { HOLDING } from './holding.mjs';
import { INJECTED } from './injected.mjs';
import { READINGS } from './readings.mjs';
import { FROZEN, SLOW } from './slow-clients.mjs';
import { REFUSED_UPLOADS, UPLOADS } from './uploads.mjs';

const WITHOUT_FILES = [
  ...UPLOADS,
  ...REFUSED_UPLOADS,
  ...DOUBLE_CLICKS,
  ...GARBAGE,
  ...FLOODS,
  ...SLOW,
];

/**
 * What clients of an adapter choose from: without files of their own, and with some; Express has no
 * `inject()`.
 */
export function kindsOf(adapter) {
  const withoutFiles = adapter === 'express' ? WITHOUT_FILES : [...WITHOUT_FILES, ...INJECTED];
  return { withoutFiles, readings: READINGS, all: [...withoutFiles, ...READINGS] };
}

/** What requests of an adapter may end with, by the names of their kinds. */
export function expectationsOf(adapter) {
  const kinds = [...kindsOf(adapter).all, FROZEN, ...HOLDING];
  // A client that had no time to go on may be told so, whatever it wanted.
  return Object.fromEntries(kinds.map(({ name, expected }) => [name, [...expected, 'slow']]));
}

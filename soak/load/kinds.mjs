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
 * Returns the kinds of requests for clients without and with files of their own; Express has no
 * `inject()`.
 */
export function kindsOf(adapter) {
  const withoutFiles = adapter === 'express' ? WITHOUT_FILES : [...WITHOUT_FILES, ...INJECTED];
  return { withoutFiles, readings: READINGS, all: [...withoutFiles, ...READINGS] };
}

/** Returns the permitted outcomes of requests by kind. */
export function expectationsOf(adapter) {
  const kinds = [...kindsOf(adapter).all, FROZEN, ...HOLDING];
  // Any client that was too slow may be told so.
  return Object.fromEntries(kinds.map(({ name, expected }) => [name, [...expected, 'slow']]));
}

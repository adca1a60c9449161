import { DOUBLE_CLICKS } from './double-clicks.mjs';
import { FLOODS } from './floods.mjs';
import { GARBAGE } from './garbage.mjs';
import { HOLDING } from './holding.mjs';
import { INJECTED } from './injected.mjs';
import { READINGS } from './readings.mjs';
import { FROZEN, SLOW } from './slow-clients.mjs';
import { REFUSED_UPLOADS, UPLOADS } from './uploads.mjs';
import { WATCHED } from './watched.mjs';

const ALONE = [...UPLOADS, ...REFUSED_UPLOADS, ...GARBAGE, ...FLOODS, ...SLOW];
/** No double clicks with replicas: paths of several requests are not swept after a kill. */
const WITHOUT_FILES = {
  express: [...ALONE, ...DOUBLE_CLICKS],
  fastify: [...ALONE, ...DOUBLE_CLICKS, ...INJECTED],
  http2: [...ALONE, ...DOUBLE_CLICKS, ...INJECTED],
  replicas: [...ALONE, ...WATCHED],
};
/** The outcomes that the way of running the application adds to those of each kind. */
const MORE_OUTCOMES = { replicas: ['killed'] };

/**
 * Returns the kinds of requests for clients without and with files of their own; Express has no
 * `inject()`.
 */
export function kindsOf(adapter) {
  const withoutFiles = WITHOUT_FILES[adapter];
  return { withoutFiles, readings: READINGS, all: [...withoutFiles, ...READINGS] };
}

/** Returns the permitted outcomes of requests by kind. */
export function expectationsOf(adapter) {
  const kinds = [...kindsOf(adapter).all, FROZEN, ...HOLDING];
  // Any client that was too slow may be told so.
  const more = ['slow', ...(MORE_OUTCOMES[adapter] ?? [])];
  return Object.fromEntries(kinds.map(({ name, expected }) => [name, [...expected, ...more]]));
}

import { CLOUD_FAILED, FULL } from './outcomes.mjs';
import { failing, many } from './uploads.mjs';

const watched = plan => client => ({ ...plan(client), isWatched: true });

/** Uploads whose progress is watched, on the same replica or another one. */
export const WATCHED = [
  { name: 'watched', weight: 6, expected: [201], plan: watched(many) },
  {
    name: 'watched, handler refuses',
    weight: 2,
    expected: [409],
    plan: watched(client => failing(client, 'refuses', [many])),
  },
].map(kind => ({ ...kind, expected: [...kind.expected, ...CLOUD_FAILED, FULL] }));

import { makeImage } from './files.mjs';
import { formType, makeForm } from './forms.mjs';
import { CLOUD_FAILED, FULL } from './outcomes.mjs';
import { byAnyWay } from './ways.mjs';

const BOUNDARY = 'soak-twice';

/**
 * Two concurrent uploads to one path, which the application reads from a header: usually of the
 * same file.
 */
function twice(client, change = () => {}) {
  const path = `shared/${client.nextId()}`;
  const size = client.random.pick([1_000, 10_000, 300_000]);
  const first = makeImage(client.random, client.nextName(), size);
  const isSame = client.random.chance(0.7);
  const second = isSame ? first : makeImage(client.random, client.nextName(), size);
  const plans = [first, second].map(file => ({
    path: byAnyWay(client, '/shared'),
    sharedPath: path,
    files: [file],
    headers: { ...formType(BOUNDARY), 'x-soak-path': path },
    body: makeForm([{ field: 'file', file }], BOUNDARY),
  }));
  change(client.random.pick(plans), client.random);
  return plans;
}

const leaves = client =>
  twice(client, (plan, random) => {
    plan.leave = { afterMs: random.integer(0, 80) };
  });

const fails = client =>
  twice(client, (plan, random) => {
    plan.headers['x-soak-fail'] = random.pick(['refuses', 'observable']);
  });

/** The request with a response has its file, whatever happens to the other one. */
export const DOUBLE_CLICKS = [
  { name: 'double click', weight: 2, expected: [201], plan: client => twice(client) },
  { name: 'double click, one leaves', weight: 2, expected: [201, 'left'], plan: leaves },
  { name: 'double click, one fails', weight: 2, expected: [201, 409, 410], plan: fails },
].map(kind => ({ ...kind, expected: [...kind.expected, ...CLOUD_FAILED, FULL] }));

import { LIMIT_BYTES, PART_BYTES } from '../support/limits.mjs';
import { makeFile, makeImage } from './files.mjs';
import { formType, makeForm } from './forms.mjs';
import { CLOUD_FAILED, FULL } from './outcomes.mjs';
import { byAnyBucket, byAnyWay, byWayOf } from './ways.mjs';

const boundaryOf = random => `soak-${random.integer(1e9, 9e9)}`;
const textsOf = random =>
  Array.from({ length: random.integer(0, 2) }, (_, index) => ({
    field: `note${index}`,
    text: '文字 '.repeat(random.integer(0, 50)),
  }));

/** The share of forms that may have text behind their files. */
const TEXT_BEHIND_PART = 0.2;

/** Plans a form with random text fields before and after its files. */
function uploadOf(client, { route, path = byAnyWay(client, route), files, ...rest }) {
  const { random } = client;
  const { headers = {}, hasText = true } = rest;
  const texts = () => (hasText ? textsOf(random) : []);
  const parts = files.map(file => ({ field: 'file', file }));
  // Files behind which nothing follows are sent ahead, unless many forms prove otherwise.
  const behind = random.chance(TEXT_BEHIND_PART) ? texts() : [];
  const boundary = boundaryOf(random);
  return {
    path,
    files,
    headers: { ...formType(boundary), ...headers },
    body: makeForm([...texts(), ...parts, ...behind], boundary),
    chunkBytes: random.integer(1_000, 200_000),
  };
}

const filesOf = (client, least, most) =>
  Array.from({ length: client.random.integer(least, most) }, () =>
    makeFile(client.random, { name: client.nextName() }),
  );
const imageOf = client => makeImage(client.random, client.nextName());
const textFileOf = client => makeFile(client.random, { name: client.nextName(), size: 2_000 });

const one = client => uploadOf(client, { route: '/one', files: filesOf(client, 1, 1) });
const bare = client =>
  uploadOf(client, { route: '/one', files: filesOf(client, 1, 1), hasText: false });
const image = client => uploadOf(client, { route: '/images', files: [imageOf(client)] });
const many = client => uploadOf(client, { route: '/many', files: filesOf(client, 2, 4) });
const fields = client => uploadOf(client, { route: '/fields', files: filesOf(client, 1, 3) });
const byWay = (client, name) =>
  uploadOf(client, { path: byWayOf(name, '/one'), files: filesOf(client, 1, 1) });
/** A file that goes to the bucket in two to four parts. */
const inParts = client => {
  const size = client.random.integer(PART_BYTES + 1, 3 * PART_BYTES + 100_000);
  const file = makeFile(client.random, { name: client.nextName(), size });
  return uploadOf(client, { path: byAnyBucket(client, '/one'), files: [file] });
};
const anyUpload = client => client.random.pick([one, image, many, fields, declared])(client);

function declared(client, addition = 0) {
  const files = filesOf(client, 1, 2);
  const sizes = files.map(({ bytes }) => bytes.byteLength + addition).join(',');
  return uploadOf(client, { route: '/declared', files, headers: { 'x-soak-sizes': sizes } });
}

function leavingInMidForm(client, upload) {
  const afterBytes = client.random.integer(0, upload.body.byteLength - 1);
  return { ...upload, leave: { afterBytes, withConnection: client.random.chance(0.3) } };
}

const leaving = (client, leave) => ({ ...anyUpload(client), leave });

function failing(client, how, plans = [one, many, fields]) {
  const upload = client.random.pick(plans)(client);
  return { ...upload, headers: { ...upload.headers, 'x-soak-fail': how } };
}

/**
 * On Express, Nest destroys a request with an early response, so its connection cannot be reused. A
 * client that still sends then, on a busy machine, may lose the response: `cut`.
 */
function impatient(client) {
  const upload = failing(client, 'outer timeout');
  return { ...upload, headers: { ...upload.headers, connection: 'close' } };
}

function limited(client) {
  const size = LIMIT_BYTES + client.random.pick([1, 2, 65_536, 1_000_000]);
  const file = makeFile(client.random, { name: client.nextName(), size });
  return uploadOf(client, { route: '/limited', files: [file] });
}

function atLimit(client) {
  const file = makeFile(client.random, { name: client.nextName(), size: LIMIT_BYTES });
  return uploadOf(client, { route: '/limited', files: [file] });
}

/** The kinds of uploads, with their weights, permitted outcomes and plans. */
export const UPLOADS = [
  { name: 'one file', weight: 12, expected: [201], plan: one },
  { name: 'image', weight: 5, expected: [201], plan: image },
  { name: 'many files', weight: 10, expected: [201], plan: many },
  { name: 'fields, own paths', weight: 8, expected: [201], plan: fields },
  { name: 'declared size', weight: 8, expected: [201], plan: client => declared(client) },
  { name: 'sent ahead', weight: 3, expected: [201], plan: client => byWay(client) },
  { name: 'archive', weight: 4, expected: [201], plan: client => byWay(client, 'archive') },
  { name: 'bucket', weight: 4, expected: [201], plan: client => byWay(client, 'bucket') },
  { name: 'just within the limit', weight: 1, expected: [201], plan: atLimit },
  {
    name: 'leaves in mid-form',
    weight: 6,
    expected: ['left', 201, 400],
    plan: client => leavingInMidForm(client, anyUpload(client)),
  },
  { name: 'in parts', weight: 5, expected: [201], plan: inParts },
  {
    name: 'in parts, leaves',
    weight: 2,
    expected: ['left', 201, 400],
    plan: client => leavingInMidForm(client, inParts(client)),
  },
  {
    name: 'in parts, handler refuses',
    weight: 2,
    expected: [409],
    plan: client => failing(client, 'refuses', [inParts]),
  },
  {
    name: 'leaves once all is sent',
    weight: 3,
    expected: ['left', 201],
    plan: client => leaving(client, { afterMs: 0 }),
  },
  {
    name: 'leaves while it waits',
    weight: 5,
    expected: ['left', 201],
    plan: client => leaving(client, { afterMs: client.random.integer(1, 60) }),
  },
  {
    name: 'leaves at the answer',
    weight: 2,
    expected: ['left', 201],
    plan: client => leaving(client, { atAnswer: true }),
  },
  { name: 'handler throws', weight: 2, expected: [500], plan: c => failing(c, 'throws') },
  { name: 'handler rejects', weight: 2, expected: [500], plan: c => failing(c, 'rejects') },
  { name: 'handler refuses', weight: 1, expected: [409], plan: c => failing(c, 'refuses') },
  { name: 'observable fails', weight: 1, expected: [410], plan: c => failing(c, 'observable') },
  { name: 'handler answers 422', weight: 1, expected: [422], plan: c => failing(c, 'answers 422') },
  {
    name: 'outer timeout',
    weight: 2,
    expected: [201, 408, 'cut'],
    plan: impatient,
  },
  {
    name: 'pipe refuses',
    weight: 1,
    expected: [422],
    plan: client => uploadOf(client, { route: '/piped', files: [textFileOf(client)] }),
  },
  {
    name: 'second file refused',
    weight: 2,
    expected: [415],
    plan: client =>
      uploadOf(client, { route: '/album', files: [imageOf(client), textFileOf(client)] }),
  },
  {
    name: 'too many files',
    weight: 1,
    expected: [400],
    plan: client => uploadOf(client, { route: '/many', files: filesOf(client, 5, 6) }),
  },
  {
    name: 'wrong size declared',
    weight: 2,
    expected: [400],
    plan: client => declared(client, client.random.pick([-1, 1, 5_000])),
  },
].map(kind => ({ ...kind, expected: [...kind.expected, ...CLOUD_FAILED] }));

/** Uploads that end before anything is sent to the cloud, so that its failures are no excuse. */
export const REFUSED_UPLOADS = [
  {
    name: 'refused type',
    weight: 2,
    expected: [415],
    plan: client => uploadOf(client, { route: '/images', files: [textFileOf(client)] }),
  },
  { name: 'over the limit', weight: 2, expected: [413], plan: limited },
].map(kind => ({ ...kind, expected: [...kind.expected, FULL] }));

export { bare, failing, many, one };

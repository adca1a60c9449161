import { CLOUD_FAILED, UNSUPPORTED } from './outcomes.mjs';
import { byAnyBucket, byAnyWay } from './ways.mjs';

const pathOf = (client, route, { fileId }) =>
  byAnyWay(client, `/files/${route}?fileId=${encodeURIComponent(fileId)}`);

function fetching(client, route) {
  const file = client.random.pick(client.own);
  return { method: 'GET', path: pathOf(client, route, file), fetched: file };
}

function deleting(client) {
  const files = Array.from({ length: client.random.integer(1, 3) }, () => client.takeOwn());
  const fileIds = files.filter(file => file !== undefined).map(({ fileId }) => fileId);
  return { path: byAnyWay(client, '/files/delete'), ...json({ fileIds }) };
}

const json = body => ({
  headers: { 'content-type': 'application/json' },
  body: Buffer.from(JSON.stringify(body)),
});

function copying(client) {
  const { fileId, sha256 } = client.random.pick(client.own);
  const name = client.nextName();
  const path = byAnyBucket(client, '/files/copy');
  return { path, files: [{ name, sha256 }], ...json({ fileId, name }) };
}

function listing(client) {
  const { fileId } = client.random.pick(client.own);
  const path = byAnyBucket(client, `/files/list?fileId=${encodeURIComponent(fileId)}`);
  return { method: 'GET', path, listed: fileId };
}

/** The requests of a client for its stored files. */
export const READINGS = [
  // An error after the start of a response cannot be sent any more: the connection is closed.
  {
    name: 'fetch as a stream',
    weight: 5,
    expected: [200, 'cut'],
    plan: client => fetching(client, 'stream'),
  },
  { name: 'fetch as a buffer', weight: 4, expected: [200], plan: c => fetching(c, 'buffer') },
  {
    name: 'leaves in mid-fetch',
    weight: 2,
    expected: ['left', 200, 'cut'],
    plan: client => ({ ...fetching(client, 'stream'), leave: { atAnswer: true } }),
  },
  {
    name: 'stat',
    weight: 3,
    expected: [200],
    plan: client => ({ ...fetching(client, 'stat'), fetched: undefined }),
  },
  { name: 'copy', weight: 3, expected: [201, UNSUPPORTED], plan: copying },
  { name: 'list', weight: 2, expected: [200, UNSUPPORTED], plan: listing },
  { name: 'delete', weight: 12, expected: [200], plan: deleting },
  {
    name: 'leaves while deleting',
    weight: 1,
    expected: ['left', 200],
    plan: client => ({ ...deleting(client), leave: { afterMs: client.random.integer(0, 5) } }),
  },
].map(kind => ({ ...kind, expected: [...kind.expected, ...CLOUD_FAILED] }));

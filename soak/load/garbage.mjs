import { makeFile } from './files.mjs';
import { formType } from './forms.mjs';
import { CLOUD_FAILED, FULL } from './outcomes.mjs';
import { bare, many, one } from './uploads.mjs';
import { byAnyWay } from './ways.mjs';

function randomBytes(client) {
  const { bytes } = makeFile(client.random, { name: '', size: client.random.integer(1, 100_000) });
  return { path: byAnyWay(client, '/one'), headers: formType('soak'), body: bytes };
}

function cut(client) {
  const upload = client.random.pick([one, many])(client);
  const length = client.random.integer(1, upload.body.byteLength - '--\r\n'.length - 1);
  return { ...upload, body: upload.body.subarray(0, length) };
}

function wrongBoundary(client) {
  return { ...one(client), headers: formType('another') };
}

function flipped(client) {
  const upload = bare(client);
  const body = Buffer.from(upload.body);
  // In the delimiter before the only part.
  body[client.random.integer(2, 8)] ^= 1;
  return { ...upload, body };
}

const notAForm = client => ({
  path: byAnyWay(client, '/one'),
  headers: { 'content-type': 'application/json' },
  body: Buffer.from('{"file":"none"}'),
});

const withoutFile = client => ({
  path: byAnyWay(client, '/many'),
  headers: formType('soak'),
  body: Buffer.from(
    '--soak\r\nContent-Disposition: form-data; name="note"\r\n\r\nalone\r\n--soak--\r\n',
  ),
});

/** Invalid uploads: each must be refused as a client error. */
export const GARBAGE = [
  { name: 'random bytes', weight: 2, expected: [400], plan: randomBytes },
  // A complete file may have been in transit when the form ended too early.
  { name: 'form cut short', weight: 3, expected: [400, ...CLOUD_FAILED], plan: cut },
  { name: 'wrong boundary', weight: 1, expected: [400], plan: wrongBoundary },
  { name: 'broken boundary', weight: 1, expected: [400], plan: flipped },
  { name: 'no form', weight: 1, expected: [400], plan: notAForm },
  { name: 'no file', weight: 1, expected: [400], plan: withoutFile },
].map(kind => ({ ...kind, expected: [...kind.expected, FULL] }));

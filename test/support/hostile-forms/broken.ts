import { encodeParts, fileHead, textHead, type HostileForm, type Part } from './hostile-form.js';
import type { Random } from './random.js';
import { randomSplits, wellFormed } from './well-formed.js';

const HEAD_LINES = [
  fileHead('f', 'a'),
  textHead('t'),
  'content-disposition: form-data',
  'content-disposition: form-data; filename="a"',
  'content-disposition: attachment; name="f"; filename="a"',
  'content-disposition: form-data; name="f"; filename=""',
  'content-disposition: form-data; name="f"; filename="a\\"b"',
  'content-disposition: form-data; name="f"; filename="a"b"',
  'content-disposition: form-data; name="f"; filename="../../a"',
  'content-disposition: form-data; name="f"; filename="C:\\a\\b"',
  'content-disposition: form-data; name="f"; filename="a\0b"',
  'content-disposition: form-data; name="f"; filename="a\nb"',
  'content-disposition: form-data; name="f"; filename="a\rb"',
  'content-disposition: form-data; name="f"; filename="%0D%0A%00%22"',
  'content-disposition: form-data; name="f"; filename*=UTF-8\'\'%E7%8C%AB.png',
  'content-disposition: form-data; name="f"; filename*=UTF-8\'\'%ZZ%',
  'content-disposition: form-data; name="f"; filename*=nonsense\'en\'abc',
  'content-disposition: form-data; name="f"; filename*=abc',
  'content-disposition: form-data; name=f; filename=a b c',
  'content-disposition: form-data; name="f; filename="a',
  'content-disposition:',
  'content-disposition: ;;;;',
  'content-type: application/json',
  'content-type: application/octet-stream',
  'content-type: text/plain; charset=utf-16le',
  'content-type: text/plain; charset=nonsense',
  'content-type: multipart/mixed; boundary=inner',
  'content-type: ;;;',
  'content-type:',
  'content-transfer-encoding: base64',
  'content-transfer-encoding: nonsense',
  'no colon at all',
  ': no name',
  ' folded: line',
  '\tfolded by a tab',
  'x: \x7f\x01\x1b',
  '',
  '\n',
  '\r',
];
const CONTENTS = ['', 'abc', '{"a":1}', '{', 'null', '{"__proto__":{"x":1}}', '\r\n', '--b', '\0'];

/** Parts whose heads are put together from lines that no browser writes. */
export function hostileHeads(random: Random): HostileForm {
  const parts = random.list([1, 4], () => ({
    head: random
      .list([0, 4], () => random.pick(HEAD_LINES))
      .join(random.pick(['\r\n', '\r\n', '\n'])),
    content: Buffer.from(random.pick(CONTENTS)),
  }));
  const body = encodeParts('b', parts);
  return {
    family: 'heads',
    contentType: 'multipart/form-data; boundary=b',
    body,
    splits: randomSplits(random, body.byteLength),
  };
}

const NAME_PARTS = [
  'a',
  'b',
  '[',
  ']',
  '[]',
  '[0]',
  '[1000]',
  '[1001]',
  '[4294967295]',
  '[-1]',
  '[a]',
  '[ ]',
  '.',
  '__proto__',
  '[__proto__]',
  'constructor',
  '[prototype]',
  'toString',
  'hasOwnProperty',
  'length',
  '%22',
  '%0D%0A',
  '\\"',
  '猫',
  '\u202e',
  ' ',
  '',
  'x'.repeat(120),
  '[b]'.repeat(40),
];

/** Fields and files under names that try to be more than names. */
export function hostileNames(random: Random): HostileForm {
  const name = (): string => random.list([0, 4], () => random.pick(NAME_PARTS)).join('');
  const parts = random.list([1, 8], () => ({
    head: random.next() < 0.3 ? fileHead(name(), 'a') : textHead(name()),
    content: Buffer.from(random.pick(CONTENTS)),
  }));
  return {
    family: 'names',
    contentType: 'multipart/form-data; boundary=b',
    body: encodeParts('b', parts),
  };
}

/** A good form in which some bytes were changed, lost, doubled or put in. */
export function mutated(random: Random): HostileForm {
  const { body: original, contentType, splits = [] } = wellFormed(random);
  let body = original;
  for (let count = random.whole(1, 5); count > 0; count -= 1) {
    const at = random.whole(0, body.byteLength);
    const end = Math.min(body.byteLength, at + random.whole(0, 20));
    const middle = random.pick([
      Buffer.alloc(0),
      random.bytes([1, 4]),
      Buffer.concat([body.subarray(at, end), body.subarray(at, end)]),
      Buffer.from(random.pick(['\r\n', '--', '\0', '"', ';', ':', '\n', '\r'])),
    ]);
    body = Buffer.concat([body.subarray(0, at), middle, body.subarray(end)]);
  }
  const kept = splits.filter(split => split <= body.byteLength);
  return { family: 'mutated', contentType, body, splits: kept };
}

const ONE_FILE = encodeParts('b', [{ head: fileHead('f', 'a'), content: Buffer.from('abc') }]);
const CONTENT_TYPES = [
  'multipart/form-data',
  'multipart/form-data;',
  'multipart/form-data; boundary',
  'text/plain',
  'multipart/form-data; boundary=',
  'multipart/form-data; boundary=""',
  'multipart/form-data; boundary="b',
  'multipart/form-data; boundary=c',
  'multipart/form-data;;; boundary=b',
  'multipart/mixed; boundary=b',
  'multipart/form-data; boundary=b; boundary=c',
  'multipart/form-data; charset=nonsense; boundary=b',
  "multipart/form-data; boundary*=UTF-8''b",
  'MULTIPART/FORM-DATA; BOUNDARY=b',
  'multipart/; boundary=b',
  'application/json',
  'application/x-www-form-urlencoded',
  'multipart/form-data, multipart/form-data; boundary=b',
  `multipart/form-data; boundary=${'x'.repeat(300)}`,
  `multipart/form-data; ${'a=b; '.repeat(500)}boundary=b`,
];

/** A good body behind request headers that do not fit it. */
export function* hostileContentTypes(): Generator<HostileForm> {
  for (const contentType of CONTENT_TYPES)
    yield { family: 'content types', contentType, body: ONE_FILE };
}

function repeat(part: Part, times: number): Part[] {
  return Array.from({ length: times }, () => part);
}

/** Forms that are too much of something. */
export function* oversized(): Generator<HostileForm> {
  const text = { head: textHead('t'), content: Buffer.from('x') };
  const file = { head: fileHead('f', 'a'), content: Buffer.from('x') };
  const json = `${textHead('t')}\r\ncontent-type: application/json`;
  const forms: readonly (readonly Part[])[] = [
    repeat(text, 1_500),
    repeat({ head: '', content: Buffer.alloc(0) }, 1_500),
    repeat(file, 12),
    [{ head: `${fileHead('f', 'a')}\r\nx: ${'y'.repeat(200_000)}`, content: file.content }],
    [{ head: `${fileHead('f', 'a')}${'\r\nx: y'.repeat(5_000)}`, content: file.content }],
    [{ head: fileHead('n'.repeat(100_000), 'a'), content: file.content }],
    [{ head: fileHead('f', 'n'.repeat(100_000)), content: file.content }],
    [{ head: textHead('t'), content: Buffer.alloc(1_100_000, 'x') }],
    [{ head: json, content: Buffer.from('['.repeat(100_000) + ']'.repeat(100_000)) }],
    [file, { head: json, content: Buffer.from('{') }],
  ];
  const contentType = 'multipart/form-data; boundary=b';
  for (const parts of forms)
    yield { family: 'oversized', contentType, body: encodeParts('b', parts) };
  for (const junk of [
    '-'.repeat(200_000),
    '\r\n'.repeat(100_000),
    `--b${' '.repeat(200_000)}\r\n`,
  ]) {
    yield { family: 'oversized', contentType, body: Buffer.from(junk) };
  }
}

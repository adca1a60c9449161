import { encodeParts, fileHead, textHead, type HostileForm, type Part } from './hostile-form.js';
import type { Random } from './random.js';

const BOUNDARY_CHARACTERS =
  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'()+_,-./:=?";
const NAME_CHARACTERS = "abcXYZ019 -_.,;=()'猫😀ñ";

/** Content made of what delimiters are made of, without being one. */
function nastyContent(random: Random, boundary: string): Buffer {
  const chunks = random.list([0, 30], () =>
    random.pick([
      Buffer.from('\r\n'),
      Buffer.from('\r'),
      Buffer.from('--'),
      Buffer.from('\r\n-'),
      Buffer.from(`--${boundary.slice(0, -1)}`),
      Buffer.from(`\r\n--${boundary.slice(0, -1)}`),
      Buffer.from(`\n--${boundary}`),
      random.bytes([0, 40]),
    ]),
  );
  const content = Buffer.concat(chunks);
  // The delimiter that ends the part would be found too early.
  const isSafe = !Buffer.concat([Buffer.from('\r\n'), content]).includes(`\r\n--${boundary}`);
  return isSafe ? content : random.bytes([0, 100]);
}

/** Places at which a body is cut. */
export function randomSplits(random: Random, length: number): number[] {
  return random.list([0, 12], () => random.whole(0, length)).toSorted((a, b) => a - b);
}

function quoteIfNeeded(boundary: string): string {
  return /[()<>@,;:\\"/[\]?= ]/.test(boundary) ? `"${boundary}"` : boundary;
}

/** A form that has to be accepted: random boundary, files and fields in any order, cut anywhere. */
export function wellFormed(random: Random): HostileForm {
  const boundary = random.text(BOUNDARY_CHARACTERS, [1, 70]);
  const file = (): Part => ({
    head: fileHead(`f${random.whole(0, 3)}`, `a${random.text(NAME_CHARACTERS, [0, 20])}b`),
    content: nastyContent(random, boundary),
  });
  const text = (): Part => ({
    head: textHead(`t${random.whole(0, 3)}`),
    content: Buffer.from(random.text(NAME_CHARACTERS, [0, 30])),
  });
  const parts = random.list([0, 6], () => (random.next() < 0.5 ? file() : text()));
  const preamble = random.pick(['', '', '', '\r\n', 'This is a form.\r\n']);
  const epilogue = random.pick(['', '', '', '\r\n', 'The end']);
  const body = Buffer.concat([
    Buffer.from(preamble),
    encodeParts(boundary, parts),
    Buffer.from(epilogue),
  ]);
  return {
    family: 'well-formed',
    contentType: `multipart/form-data; boundary=${quoteIfNeeded(boundary)}`,
    body,
    files: parts.filter(({ head }) => head.includes('filename=')).map(({ content }) => content),
    splits: randomSplits(random, body.byteLength),
    isChunked: random.next() < 0.2,
  };
}

const SMALL_BOUNDARY = '----small';
const SMALL_PARTS: readonly Part[] = [
  { head: textHead('title'), content: Buffer.from('标题') },
  { head: fileHead('f', 'a.bin'), content: Buffer.from('\r\n--small\r\n------smal') },
  { head: fileHead('g', '猫.png'), content: Buffer.alloc(0) },
  { head: textHead('after'), content: Buffer.from('x') },
];
/** One whose every offset is tried. */
const SMALL_FORM: HostileForm = {
  family: 'small',
  contentType: `multipart/form-data; boundary=${SMALL_BOUNDARY}`,
  body: encodeParts(SMALL_BOUNDARY, SMALL_PARTS),
  files: SMALL_PARTS.slice(1, 3).map(({ content }) => content),
};

/** The small form, cut into two writes at every offset. */
export function* splitEverywhere(): Generator<HostileForm> {
  for (let at = 0; at <= SMALL_FORM.body.byteLength; at += 1) {
    yield { ...SMALL_FORM, family: 'split', splits: [at] };
  }
}

/** The small form, sent byte by byte in HTTP chunks from every tenth offset on. */
export function* trickled(): Generator<HostileForm> {
  const { body } = SMALL_FORM;
  for (let from = 0; from < body.byteLength; from += 10) {
    const splits = Array.from({ length: body.byteLength - from }, (_, index) => from + index);
    yield { ...SMALL_FORM, family: 'trickled', splits, isChunked: true };
  }
}

/** The small form, ending at every position: as a whole request, and as one whose client leaves. */
export function* truncatedEverywhere(): Generator<HostileForm> {
  const { contentType, body } = SMALL_FORM;
  for (let end = 0; end < body.byteLength; end += 1) {
    const cut = { contentType, body: body.subarray(0, end) };
    yield { ...cut, family: 'truncated' };
    yield { ...cut, family: 'abandoned', isAbandoned: true };
  }
}

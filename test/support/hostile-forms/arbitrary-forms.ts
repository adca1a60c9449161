import * as fc from 'fast-check';
import type { Arbitrary } from 'fast-check';

/** One part of a form that is to be read as it was written. */
interface WrittenPart {
  readonly name: string;
  /** Makes it a file. */
  readonly fileName?: string | undefined;
  readonly type?: string | undefined;
  readonly content: Buffer;
}

/** A form, and its bytes. */
export interface WrittenForm {
  readonly boundary: string;
  readonly parts: readonly WrittenPart[];
  readonly body: Buffer;
}

const BOUNDARY_CHARACTERS = "abzABZ019'()+_,-./:=?";
/** Text that browsers would have to escape twice, and characters that end or nest a name. */
const UNCLEAR = /%(?:0a|0d|22)|[\\/[\]]/i;

/** A boundary that a form may have. */
const boundaries: Arbitrary<string> = fc
  .string({ unit: fc.constantFrom(...BOUNDARY_CHARACTERS), minLength: 1, maxLength: 70 })
  .filter(boundary => !boundary.endsWith('-'));

/** Names of any characters, control characters included. */
const names: Arbitrary<string> = fc
  .oneof(
    fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }),
    fc.string({ unit: fc.constantFrom(...'a.;="\'%\r\n\t\u000b\0\u202e猫😀 '), minLength: 1 }),
  )
  .filter(name => !UNCLEAR.test(name));

/** Content made of what delimiters are made of, without being one. */
function contents(boundary: string): Arbitrary<Buffer> {
  const chunks = fc.oneof(
    fc.constantFrom('\r', '\n', '\r\n', '-', '--', '\0', `--${boundary}`, `\n--${boundary}`),
    fc.constantFrom(`\r\n--${boundary.slice(0, -1)}`, `\r\n-${boundary}`),
    fc.string({ unit: 'binary-ascii' }),
  );
  const bytes = fc.uint8Array({ maxLength: 200 }).map(array => Buffer.from(array));
  return fc
    .oneof(
      fc.array(chunks).map(texts => Buffer.from(texts.join(''))),
      bytes,
    )
    .filter(content => !`\r\n${content.toString('latin1')}`.includes(`\r\n--${boundary}`));
}

/** Multer and this package ignore a file whose name is only a folder; other parsers do not. */
function isName(name: string): boolean {
  return name !== '.' && name !== '..';
}

function partsOf(boundary: string): Arbitrary<readonly WrittenPart[]> {
  const text = fc.record({ name: names, content: contents(boundary) });
  const file = fc.record({
    name: names,
    fileName: names.filter(isName),
    type: fc.constantFrom(
      undefined,
      'image/png',
      'application/octet-stream',
      'text/plain; a="b;c"',
    ),
    content: contents(boundary),
  });
  return fc.array(fc.oneof(text, file), { maxLength: 6 });
}

/** Forms as browsers write them, with what clients may add. */
export const forms: Arbitrary<WrittenForm> = boundaries.chain(boundary =>
  fc
    .tuple(
      partsOf(boundary),
      fc.constantFrom('', '\r\n', 'a preamble\r\n'),
      fc.constantFrom('', '\r\n', '\r\nan epilogue'),
    )
    .map(([parts, preamble, epilogue]) => ({
      boundary,
      parts,
      body: Buffer.concat([
        Buffer.from(preamble),
        ...parts.flatMap(part => [
          Buffer.from(`--${boundary}\r\n${headOf(part)}\r\n\r\n`),
          part.content,
          Buffer.from('\r\n'),
        ]),
        Buffer.from(`--${boundary}--${epilogue}`),
      ]),
    })),
);

/** The `Content-Type` of a request with the form. */
export function contentTypeOf({ boundary }: WrittenForm): string {
  return `multipart/form-data; boundary="${boundary}"`;
}

/** Cuts bytes at places from 0 to 1. */
export function cutAt(bytes: Buffer, places: readonly number[]): readonly Buffer[] {
  const ends = places.map(place => Math.floor(place * bytes.byteLength)).toSorted((a, b) => a - b);
  return [...ends, bytes.byteLength].map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
}

/** Places for {@link cutAt}. */
export const cuts: Arbitrary<readonly number[]> = fc.array(
  fc.double({ min: 0, max: 1, noNaN: true }),
  { maxLength: 20 },
);

function headOf({ name, fileName, type }: WrittenPart): string {
  const file = fileName === undefined ? '' : `; filename="${escapeName(fileName)}"`;
  const line = type === undefined ? '' : `\r\nContent-Type: ${type}`;
  return `Content-Disposition: form-data; name="${escapeName(name)}"${file}${line}`;
}

/** @see https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#multipart-form-data */
function escapeName(name: string): string {
  return name.replaceAll('\r', '%0D').replaceAll('\n', '%0A').replaceAll('"', '%22');
}

import { describe, expect, it } from '@jest/globals';
import { ObjectFormReader, readBoundary } from '../../../lib/emulator/endpoints/receive-object.js';
import { formOf } from './support/cloud-client.js';

// Not a boundary without a line break before it, or when it is cut short.
const CONTENT = 'a\r\n--b0undar\r\n\r--b0undary\r\n-';
const FORM = formOf([
  ['key', '图/a.png'],
  ['empty', ''],
  ['file', CONTENT],
]);

/** The events of some chunks, with joined data. */
function readAll(chunks: readonly Buffer[]): object {
  const reader = new ObjectFormReader('b0undary');
  const events = chunks.flatMap(chunk => [...reader.push(chunk)]);
  reader.end();
  return {
    fields: events.flatMap(event => (event.type === 'field' ? [[event.name, event.value]] : [])),
    files: events.filter(({ type }) => type === 'file').length,
    data: Buffer.concat(
      events.flatMap(event => (event.type === 'data' ? [event.chunk] : [])),
    ).toString(),
  };
}

const EXPECTED = {
  fields: [
    ['key', '图/a.png'],
    ['empty', ''],
  ],
  files: 1,
  data: CONTENT,
};

describe('ObjectFormReader', () => {
  it('reads the same form wherever it is split', () => {
    const positions = Array.from({ length: FORM.byteLength + 1 }, (_, at) => at);
    const results = positions.map(at => readAll([FORM.subarray(0, at), FORM.subarray(at)]));
    expect(results).toEqual(positions.map(() => EXPECTED));
  });

  it('reads a form byte by byte', () => {
    expect(readAll([...FORM].map(byte => Buffer.of(byte)))).toEqual(EXPECTED);
  });

  it('passes content on at once and keeps nothing of it', () => {
    const reader = new ObjectFormReader('b');
    const head = 'preamble\r\n--b\r\nContent-Disposition: form-data; name=file\r\n\r\n';
    expect([...reader.push(Buffer.from(`${head}first`))]).toEqual([
      { type: 'file' },
      { type: 'data', chunk: Buffer.from('first') },
    ]);
    const chunk = Buffer.alloc(65_536, 'x');
    expect([...reader.push(chunk)]).toEqual([{ type: 'data', chunk }]);
    expect([...reader.push(Buffer.from('\r\n--b--epilogue'))]).toEqual([]);
    expect(() => reader.end()).not.toThrow();
  });

  it.each([
    ['that never begins', 'nothing'],
    ['that never ends', '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nvalue'],
    ['whose boundary goes on', '--bx\r\n'],
    ['with a part without headers', '--b\r\n\r\nvalue\r\n--b--'],
    ['with a part without a name', '--b\r\nContent-Disposition: form-data\r\n\r\nvalue\r\n--b--'],
    [
      'with a part that is an attachment',
      '--b\r\nContent-Disposition: attachment; name="a"\r\n\r\n\r\n--b--',
    ],
    ['with headers without end', `--b\r\nX: ${'y'.repeat(9_000)}`],
    [
      'with fields without end',
      `--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n${'y'.repeat(70_000)}`,
    ],
  ])('rejects a form %s', (_, text) => {
    const reader = new ObjectFormReader('b');
    const read = (): void => {
      for (const event of reader.push(Buffer.from(text))) void event;
      reader.end();
    };
    expect(read).toThrow('not well-formed multipart/form-data');
  });
});

describe('readBoundary', () => {
  it.each([
    ['multipart/form-data; boundary=abc', 'abc'],
    ['multipart/form-data; boundary="a b;c"', 'a b;c'],
    ['Multipart/Form-Data; charset=utf-8; boundary=abc', 'abc'],
    ['multipart/form-data', undefined],
    ['multipart/mixed; boundary=abc', undefined],
    ['multipart/form-data; boundary=', undefined],
    [undefined, undefined],
  ])('finds in %j %j', (header, boundary) => {
    expect(readBoundary(header)).toBe(boundary);
  });
});

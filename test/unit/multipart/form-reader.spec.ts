import { describe, expect, it } from '@jest/globals';
import type { FormLimits } from '../../../lib/multipart/form-budget.js';
import {
  type FormFile,
  FormReader,
  type FormReaderParts,
} from '../../../lib/multipart/form-reader.js';
import type { PartSink } from '../../../lib/multipart/multipart-parser.js';
import { readBoundary } from '../../../lib/multipart/part-headers.js';
import type { FormFields } from '../../../lib/multipart/text-fields.js';
import { hostileHeads, hostileNames, mutated } from '../../support/hostile-forms/broken.js';
import {
  encodeParts,
  fileHead,
  type HostileForm,
  type Part,
  textHead,
} from '../../support/hostile-forms/hostile-form.js';
import { Random } from '../../support/hostile-forms/random.js';

const INVALID = expect.objectContaining({ code: 'WX_CLOUD_FORM_INVALID' });
const NO_LIMITS: FormLimits = {
  fieldSize: Infinity,
  textBytes: Infinity,
  fieldNameSize: Infinity,
  fields: Infinity,
  files: Infinity,
  parts: Infinity,
  headerPairs: Infinity,
  fieldNestingDepth: Infinity,
  fieldArrayIndexLimit: Infinity,
};

/** A file and its events. */
interface SeenFile extends FormFile {
  content: string;
  isWhole: boolean;
  readonly failures: Error[];
  /** The text fields when it began. */
  readonly fieldsBefore: readonly string[];
}

/** A reader that records its events. */
function makeReader(given: Partial<FormReaderParts> = {}) {
  const body = Object.create(null) as FormFields;
  const files: SeenFile[] = [];
  const onFile = (claimed: FormFile): PartSink => {
    const fieldsBefore = Object.keys(body);
    const seen: SeenFile = { ...claimed, content: '', isWhole: false, failures: [], fieldsBefore };
    files.push(seen);
    return {
      add: bytes => void (seen.content += bytes.toString('latin1')),
      end: () => void (seen.isWhole = true),
      fail: error => void seen.failures.push(error),
    };
  };
  const reader = new FormReader({ boundary: 'b', limits: NO_LIMITS, body, onFile, ...given });
  return { reader, body, files };
}

function fail(error: Error): never {
  throw error;
}

/** Reads a form in writes of so many bytes. */
function read(parts: readonly Part[], limits: Partial<FormLimits> = {}, step = Infinity) {
  const { reader, body, files } = makeReader({ limits: { ...NO_LIMITS, ...limits } });
  const bytes = encodeParts('b', parts);
  const size = Math.min(step, bytes.byteLength);
  for (let at = 0; at < bytes.byteLength; at += size) reader.write(bytes.subarray(at, at + size));
  reader.end();
  return { body, files };
}

function text(name: string, content: string | Buffer = 'x', ...lines: readonly string[]): Part {
  return { head: [textHead(name), ...lines].join('\r\n'), content: Buffer.from(content) };
}

function file(name: string, fileName = 'a', ...lines: readonly string[]): Part {
  return { head: [fileHead(name, fileName), ...lines].join('\r\n'), content: Buffer.from('x') };
}

function times(count: number, part: Part): readonly Part[] {
  return Array.from({ length: count }, () => part);
}

describe('FormReader', () => {
  const parts = [
    text('before', '标题'),
    { ...file('photo', '猫.png', 'content-type: image/png'), content: Buffer.from('\r\n--a\xff') },
    text('between[1]'),
    file('photo', 'b', 'content-type: x/y', 'content-transfer-encoding: BINARY'),
    text('between[3]', 'y'),
    text('after', ''),
  ];

  it.each([Infinity, 1, 2, 3, 7, 64])('reads a form in writes of %d bytes', step => {
    const { body, files } = read(parts, {}, step);
    expect(body).toEqual({ before: '标题', between: ['x', 'y'], after: '' });
    expect(files).toEqual([
      {
        fieldname: 'photo',
        originalname: '猫.png',
        encoding: '7bit',
        mimetype: 'image/png',
        content: Buffer.from('\r\n--a\xff').toString('latin1'),
        isWhole: true,
        failures: [],
        fieldsBefore: ['before'],
      },
      {
        fieldname: 'photo',
        originalname: 'b',
        encoding: 'binary',
        mimetype: 'x/y',
        content: 'x',
        isWhole: true,
        failures: [],
        fieldsBefore: ['before', 'between'],
      },
    ]);
  });

  it('reads an empty form', () => {
    expect(read([])).toEqual({ body: {}, files: [] });
  });

  it.each([0, 1, 10, 50, -8, -3])('rejects a form that ends at byte %d', end => {
    const { reader } = makeReader();
    reader.write(encodeParts('b', [text('a')]).subarray(0, end));
    expect(() => reader.end()).toThrow(INVALID);
  });

  it('fails the open file when it is aborted, and skips the rest', () => {
    const { reader, body, files } = makeReader();
    const error = new Error('given up');
    reader.write(encodeParts('b', [text('a'), file('f'), file('g')]).subarray(0, -10));
    reader.fail(error);
    reader.write(Buffer.from(`\r\n--b\r\n${textHead('late')}\r\n\r\nx\r\n--b--`));
    reader.end();
    expect(files.map(({ failures }) => failures)).toEqual([[], [error]]);
    expect(body).toEqual({ a: 'x' });
  });

  it('keeps no incomplete field when it is aborted', () => {
    const { reader, body } = makeReader();
    reader.write(Buffer.from(`--b\r\n${textHead('a')}\r\n\r\nhalf`));
    reader.fail(new Error('given up'));
    reader.write(Buffer.from('\r\n--b--'));
    reader.end();
    expect(body).toEqual({});
  });

  it('rejects with the error thrown for a file', () => {
    const error = new Error('no such field');
    const onFile = (): never => {
      throw error;
    };
    const { reader } = makeReader({ onFile });
    expect(() => reader.write(encodeParts('b', [file('f')]))).toThrow(error);
  });
});

describe('the limits of FormReader', () => {
  const nested = (depth: number): string => `a${'[b]'.repeat(depth)}`;

  it.each<[keyof FormLimits, number, (count: number) => readonly Part[]]>([
    ['fieldSize', 5, count => [text('a', 'x'.repeat(count))]],
    ['fieldSize', 0, count => [text('a', 'x'.repeat(count))]],
    ['fieldSize', 6, count => [text('a', '猫'.repeat(2) + 'x'.repeat(count - 6))]],
    ['textBytes', 10, count => [text('ab', 'x'.repeat(3)), text('c', 'x'.repeat(count - 6))]],
    ['textBytes', 10, count => [text('ab', ''), file('f'), text('c'.repeat(count - 3), 'x')]],
    ['textBytes', 10, count => [text('猫', '猫'), text('a'.repeat(count - 7), 'x')]],
    ['textBytes', 10, count => [text('%22', 'x'.repeat(count - 3))]],
    ['textBytes', 14, count => [text('a[1]', 'x'.repeat(count - 12))]],
    ['textBytes', 1, count => [text('a'.repeat(count), '')]],
    ['fieldNameSize', 5, count => [text('a'.repeat(count))]],
    ['fieldNameSize', 5, count => [file('a'.repeat(count))]],
    ['fieldNameSize', 6, count => [text('猫'.repeat(2) + 'x'.repeat(count - 6))]],
    ['fieldNameSize', 6, count => [text('%22%22' + 'x'.repeat(count - 6))]],
    ['fields', 3, count => [...times(count, text('a')), ...times(9, file('f'))]],
    ['fields', 0, count => times(count, text('a'))],
    ['files', 3, count => [...times(count, file('f')), ...times(9, text('a'))]],
    ['files', 0, count => times(count, file('f'))],
    ['files', 2, count => [...times(9, file('f', '')), ...times(count, file('f'))]],
    ['parts', 4, count => [...times(2, file('f')), ...times(count - 2, text('a'))]],
    ['parts', 4, count => [...times(2, file('f', '')), ...times(count - 2, text('a'))]],
    ['parts', 4, count => times(count, { head: '', content: Buffer.alloc(0) })],
    ['parts', 0, count => times(count, text('a'))],
    ['headerPairs', 1, count => [text('a', 'x', ...Array<string>(count - 1).fill('x: y'))]],
    ['headerPairs', 3, count => [text('a', 'x', ...Array<string>(count - 1).fill('x: y'))]],
    ['headerPairs', 3, count => [file('f', 'a', ...Array<string>(count - 1).fill('x: y'))]],
    ['fieldNestingDepth', 3, count => [text(nested(count))]],
    ['fieldNestingDepth', 3, count => [text(`a${'['.repeat(count)}`)]],
    ['fieldNestingDepth', 1, count => [text(`a${'[]'.repeat(count)}`)]],
    ['fieldNestingDepth', 0, count => [text(nested(count))]],
    ['fieldArrayIndexLimit', 3, count => [text(`a[${count}]`)]],
    ['fieldArrayIndexLimit', 3, count => [text(`a[0][b][${count}][c]`)]],
    ['fieldArrayIndexLimit', 3, count => [text(`a[0${count}]`)]],
    ['fieldArrayIndexLimit', 0, count => [text(`a[${count}]`)]],
  ])('allow %s up to %d and no more', (name, limit, makeParts) => {
    for (const step of [Infinity, 1]) {
      expect(() => read(makeParts(limit), { [name]: limit }, step)).not.toThrow();
      expect(() => read(makeParts(limit + 1), { [name]: limit }, step)).toThrow(INVALID);
    }
  });

  it('apply those of names and indices to text fields only', () => {
    const limits = { fieldNestingDepth: 0, fieldArrayIndexLimit: 0 };
    expect(read([file('a[b][c][9]')], limits).files).toMatchObject([{ fieldname: 'a[b][c][9]' }]);
  });

  it('apply that of indices to bracket notation only', () => {
    const names = ['[9]', 'a[9]b', 'a[9', 'a[][9]'];
    const { body } = read(
      names.map(name => text(name)),
      { fieldArrayIndexLimit: 0 },
    );
    expect(Object.keys(body)).toEqual(names);
  });

  it.each<[keyof FormLimits, number, readonly Part[]]>([
    ['fieldSize', 3, [text('name', 'secret')]],
    ['textBytes', 8, [text('name', 'secret')]],
    ['fieldNameSize', 3, [text('name', 'secret')]],
    ['fields', 0, [text('secret')]],
    ['files', 0, [file('secret')]],
    ['parts', 0, [text('secret')]],
    ['headerPairs', 0, [text('secret')]],
    ['fieldNestingDepth', 0, [text('name[a]', 'secret')]],
    ['fieldArrayIndexLimit', 2, [text('name[3]', 'secret')]],
  ])('are named with their value and without the text: %s of %d', (name, limit, parts) => {
    expect(() => read(parts, { [name]: limit })).toThrow(
      new RegExp(`^(?!.*secret).* ${limit} .*\\(limits\\.${name}\\)`),
    );
  });
});

describe('the messages of FormReader', () => {
  it.each<[readonly Part[], Partial<FormLimits>, RegExp]>([
    [[text('a\u0001\u202eb', 'xx')], { fieldSize: 1 }, /the text field "ab" has more than 1 bytes/],
    [[text('n'.repeat(101))], { fieldNameSize: 100 }, /the field name "n{60}…" has more than 100/],
    [[text('a'), file('')], {}, /part 2 has no field name/],
    [[text('a'), text('__proto__')], {}, /the field name "__proto__" is not acceptable/],
    [[file('f'), file('g')], { files: 1 }, /it has more than 1 file \(limits\.files\)/],
    [[text('a'), { head: 'x', content: Buffer.alloc(0) }], {}, /headers of part 2 are malformed/],
  ])('say which part is wrong and quote its name safely: %#', (parts, limits, says) => {
    expect(() => read(parts, limits)).toThrow(says);
  });
});

/** A file input of a browser in which no file was chosen. */
const EMPTY = { ...file('f', ''), content: Buffer.alloc(0) };

describe('FormReader with a file without a name', () => {
  it.each([
    [[file('f', '')], { namelessField: 'f' }],
    [[text('f', 'x', 'content-type: application/octet-stream')], { namelessField: 'f' }],
    [[file('f', ''), file('g', '')], { namelessField: 'f' }],
    [[EMPTY, file('g', '../')], { namelessField: 'g', emptyField: 'f' }],
    [[EMPTY, { ...EMPTY, name: 'g' }, file('g')], { emptyField: 'f' }],
    [[file('f')], {}],
  ])('records its field and whether it has content: %#', (parts, clues) => {
    const { reader } = makeReader();
    reader.write(encodeParts('b', parts));
    reader.end();
    expect(reader.clues).toEqual(clues);
  });
});

describe('FormReader with a file in an unexpected field', () => {
  it('rejects the file before it counts files', () => {
    const error = new Error('no such field');
    const takes: Record<string, () => void> = { f: () => {}, g: () => fail(error) };
    const assertTakesFile = (name: string): void => takes[name]?.();
    const { reader } = makeReader({ limits: { ...NO_LIMITS, files: 1 }, assertTakesFile });
    expect(() => reader.write(encodeParts('b', [file('f'), file('g')]))).toThrow(error);
  });
});

describe('FormReader and limits.textBytes', () => {
  const MEBIBYTE = Buffer.alloc(1_048_576, 'é');

  it('limits the text over all fields', () => {
    const limits = { ...NO_LIMITS, textBytes: 2_097_152 };
    const { reader, body } = makeReader({ limits });
    const write = (): void => {
      for (let field = 0; field < 1_000; field += 1) {
        reader.write(Buffer.from(`--b\r\n${textHead(`t${field}`)}\r\n\r\n`));
        for (let at = 0; at < MEBIBYTE.byteLength; at += 65_536)
          reader.write(MEBIBYTE.subarray(at, at + 65_536));
        reader.write(Buffer.from('\r\n'));
      }
    };
    expect(write).toThrow(/2097152 bytes .*\(limits\.textBytes\)/);
    expect(Object.keys(body)).toEqual(['t0']);
  });

  it('rejects text before it keeps a byte beyond the limit', () => {
    const { reader } = makeReader({ limits: { ...NO_LIMITS, textBytes: 100 } });
    const part = encodeParts('b', [text('a', 'x'.repeat(99)), text('b', '')]);
    reader.write(part.subarray(0, 70));
    expect(() => reader.write(part.subarray(70))).toThrow(INVALID);
    expect(reader.textBytes).toBe(101);
  });

  it('counts the gaps left by indices, so that a few bytes cannot take megabytes', () => {
    const deep = (index: number): Part => text(`a${index}${'[1000]'.repeat(16)}`);
    const parts = Array.from({ length: 256 }, (_, index) => deep(index));
    const limits = { textBytes: 2_097_152, fieldArrayIndexLimit: 1_000 };
    expect(() => read(parts.slice(0, 16), limits)).not.toThrow();
    expect(() => read(parts, limits)).toThrow(/limits\.textBytes/);
  });

  it('counts an index far beyond the end of a list only as V8 stores it', () => {
    const { body } = read([text('a[4294967294]')], { textBytes: 10_000 });
    expect(body).toEqual({ a: ['x'] });
  });
});

describe('the part headers of FormReader', () => {
  const longHead = (): Part => file('f', '', `x: ${'y'.repeat(16_000)}`);

  it.each([
    [1, 130, 140],
    [4_194_304, 260, 270],
  ])('are limited with textBytes of %d', (textBytes, accepted, refused) => {
    expect(() => read(times(accepted, longHead()), { textBytes })).not.toThrow();
    expect(() => read(times(refused, longHead()), { textBytes })).toThrow(
      /headers of its parts .*\(limits\.textBytes\)/,
    );
  });
});

describe('FormReader with a part', () => {
  it('skips the part of an empty file input', () => {
    const empty = file('f', '', 'content-type: application/octet-stream');
    const { body, files } = read([text('a'), { ...empty, content: Buffer.alloc(0) }, text('c')]);
    expect({ body, files }).toEqual({ body: { a: 'x', c: 'x' }, files: [] });
  });

  it.each([
    ['a file without a name that has content', file('f', '')],
    ['a file whose name is nothing but folders', file('f', '../')],
    ['bytes without a name', text('f', 'x', 'content-type: application/octet-stream')],
    ['bytes of a type in capitals', text('f', 'x', 'Content-Type: Application/Octet-Stream')],
    ['an attachment', { ...text('f'), head: 'content-disposition: attachment; name="f"' }],
    ['one without a head', { ...text('f'), head: '' }],
    ['one without a disposition', { ...text('f'), head: 'content-type: text/plain' }],
  ])('skips a part that is %s', (_, part) => {
    expect(read([part, text('a')])).toEqual({ body: { a: 'x' }, files: [] });
  });

  it.each(["filename*=gbk''%C3%A8.png", "filename*=UTF-8''%ZZ", 'filename*=a.png'])(
    'skips a part that names a file in an unknown way: %s',
    parameter => {
      const { head, content } = text('f');
      expect(read([{ head: `${head}; ${parameter}`, content }]).body).toEqual({});
    },
  );

  it('reads a part without a file name as text, whatever its type', () => {
    expect(read([text('a', '{}', 'content-type: application/json')]).body).toEqual({ a: '{}' });
  });

  it('reads a part with a file name as a file, even with a text type', () => {
    const { body, files } = read([file('f', 'a.txt', 'content-type: text/plain')]);
    expect(body).toEqual({});
    expect(files).toMatchObject([{ mimetype: 'text/plain', content: 'x' }]);
  });

  it.each([
    ['a text field', text('')],
    ['a file', file('')],
    ['an empty file input', file('', '')],
    ['one without the parameter', { ...text(''), head: 'content-disposition: form-data' }],
  ])('rejects a part without a name: %s', (_, part) => {
    expect(() => read([part])).toThrow(INVALID);
  });

  it.each(['__proto__', 'a[constructor]', 'prototype[a]'])(
    'rejects a text field with the name %s',
    name => {
      expect(() => read([text(name)])).toThrow(INVALID);
    },
  );

  it('accepts a file under a name that no text field may have', () => {
    expect(read([file('__proto__')]).files).toMatchObject([{ fieldname: '__proto__' }]);
  });
});

describe('FormReader with text', () => {
  it.each([
    ['', Buffer.from('猫 😀'), '猫 😀'],
    ['; charset=utf-8', Buffer.from('猫'), '猫'],
    ['; charset=UTF8', Buffer.from('猫'), '猫'],
    ['; charset="utf-8"', Buffer.from('猫'), '猫'],
    ['; charset=utf-16le', Buffer.from('猫', 'utf16le'), '猫'],
    ['; charset=UTF-16LE', Buffer.from('a\0猫', 'utf16le'), 'a\0猫'],
    ['; charset=gbk', Buffer.of(0xc3, 0xa8, 0xb1, 0xea), '猫标'],
    ['; charset=GB2312', Buffer.of(0xc3, 0xa8), '猫'],
    ['; charset=gb18030', Buffer.of(0xc3, 0xa8), '猫'],
    ['; charset=big5', Buffer.of(0xbf, 0xdf), '貓'],
    ['; charset=shift_jis', Buffer.of(0x94, 0x4c), '猫'],
    ['; charset=iso-8859-1', Buffer.of(0xe9), 'é'],
    ['; charset=us-ascii', Buffer.from('abc'), 'abc'],
    ['; charset=nonsense', Buffer.from('猫'), '猫'],
    ['; charset=__proto__', Buffer.from('猫'), '猫'],
    ['; charset="', Buffer.from('猫'), '猫'],
    ['; charset=', Buffer.from('猫'), '猫'],
    ['', Buffer.of(0x61, 0xff, 0x62), 'a\ufffdb'],
    ['; charset=gbk', Buffer.alloc(0), ''],
    ['', Buffer.from('\ufeffa'), '\ufeffa'],
    ['', Buffer.from('\0\r\n\x1b'), '\0\r\n\x1b'],
  ])('decodes text with the type "text/plain%s"', (parameter, bytes, expected) => {
    const part = text('a', bytes, `content-type: text/plain${parameter}`);
    for (const step of [Infinity, 1]) expect(read([part], {}, step).body).toEqual({ a: expected });
  });

  it('joins a character that is split', () => {
    expect(read([text('a', '猫'.repeat(100))], {}, 7).body).toEqual({ a: '猫'.repeat(100) });
  });

  it.each([
    [100_000, 1],
    [1_048_576, 1_000],
  ])('accepts %d bytes in writes of %d bytes, and not one byte more', (size, step) => {
    const content = Buffer.alloc(size, 'abcdefg\r\n--');
    const limits = { fieldSize: content.byteLength };
    const { body } = read([text('a', content)], limits, step);
    expect(content.equals(Buffer.from(String(body['a'])))).toBe(true);
    const longer = Buffer.concat([content, Buffer.from('x')]);
    expect(() => read([text('a', longer)], limits, step)).toThrow(INVALID);
  });

  it('gathers text without changing the written bytes', () => {
    const bytes = encodeParts('b', [text('a', 'x'.repeat(50)), text('c', 'y'.repeat(50))]);
    const before = Buffer.from(bytes);
    const { reader, body } = makeReader();
    for (let at = 0; at < bytes.byteLength; at += 30) reader.write(bytes.subarray(at, at + 30));
    expect(body).toEqual({ a: 'x'.repeat(50), c: 'y'.repeat(50) });
    expect(bytes.equals(before)).toBe(true);
  });
});

describe('FormReader with a form that no browser sends', () => {
  /** The outcome of a form in writes that end at the given places, with its error message. */
  async function outcomeOf({ contentType, body: bytes }: HostileForm, places: readonly number[]) {
    const { reader, body, files } = makeReader({ boundary: readBoundary(contentType) });
    const readAll = async (): Promise<void> => {
      for (const [index, end] of [...places, bytes.byteLength].entries())
        reader.write(bytes.subarray(places[index - 1] ?? 0, end));
      reader.end();
    };
    const ending = await readAll().then(
      () => 'accepted',
      (error: unknown) => String(error),
    );
    return JSON.stringify({ ending, body, files });
  }

  it.each([
    ['with changed bytes', mutated],
    ['with other heads', hostileHeads],
    ['with other names', hostileNames],
  ])('treats it alike however it is split: %s', async (_, make) => {
    const random = new Random(20_270_217);
    const endings = new Set<string>();
    for (let round = 0; round < 1_000; round += 1) {
      const form = make(random);
      const { splits = [] } = form;
      const everywhere = Array.from(form.body.keys());
      const once = await outcomeOf(form, []);
      expect(await outcomeOf(form, everywhere)).toBe(once);
      expect(await outcomeOf(form, splits)).toBe(once);
      endings.add(JSON.parse(once).ending);
    }
    expect(endings).toContain('accepted');
    expect([...endings].filter(ending => /The form is refused/.test(ending))).not.toEqual([]);
    expect([...endings].filter(ending => !/^accepted$|The form is refused/.test(ending))).toEqual(
      [],
    );
  });
});

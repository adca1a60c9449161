import { describe, expect, it } from '@jest/globals';
import {
  MultipartParser,
  NO_SINK,
  type PartSink,
} from '../../../lib/multipart/multipart-parser.js';
import { Random } from '../../support/hostile-forms/random.js';

const BOUNDARY = 'boundary';
const HEAD = 'content-disposition: form-data; name="f"\r\n';
const INVALID = expect.objectContaining({ code: 'WX_CLOUD_FORM_INVALID' });
/** The size limit of a part's headers, including the rest of the delimiter line. */
const LONGEST_HEAD_BYTES = 16_384;

/** The observed events of one part; bytes as Latin-1. */
interface SeenPart {
  readonly head: string;
  content: string;
  /** Number of `end` events. */
  ends: number;
  readonly failures: Error[];
}

/** A parser that records its events. */
function makeSplitter(boundary = BOUNDARY) {
  const parts: SeenPart[] = [];
  const chunks: Buffer[] = [];
  const openPart = (head: Buffer): PartSink => {
    const part: SeenPart = { head: head.toString('latin1'), content: '', ends: 0, failures: [] };
    parts.push(part);
    return {
      add: bytes => {
        chunks.push(bytes);
        part.content += bytes.toString('latin1');
      },
      end: () => void (part.ends += 1),
      fail: error => void part.failures.push(error),
    };
  };
  return { splitter: new MultipartParser(boundary, openPart), parts, chunks };
}

/** A complete part. */
function whole(content: string, head = HEAD): SeenPart {
  return { head, content, ends: 1, failures: [] };
}

/** A form of one-line parts. */
function formOf(contents: readonly string[], boundary = BOUNDARY): Buffer {
  const parts = contents.map(content => `--${boundary}\r\n${HEAD}\r\n${content}\r\n`);
  return Buffer.from(`${parts.join('')}--${boundary}--\r\n`, 'latin1');
}

/** The parts of a form in the given writes. */
function split(writes: readonly Buffer[], boundary = BOUNDARY): readonly SeenPart[] {
  const { splitter, parts } = makeSplitter(boundary);
  for (const bytes of writes) splitter.write(bytes);
  splitter.end();
  return parts;
}

function cut(body: Buffer, places: readonly number[]): readonly Buffer[] {
  return [...places, body.byteLength].map((end, index) =>
    body.subarray(places[index - 1] ?? 0, end),
  );
}

/** Writes of so many bytes each. */
function inSteps(body: Buffer, bytes: number): readonly Buffer[] {
  const count = Math.ceil(body.byteLength / bytes);
  return Array.from({ length: count }, (_, index) =>
    body.subarray(index * bytes, (index + 1) * bytes),
  );
}

/** A simple reference parser that splits a complete form at its delimiters. */
function reference(body: Buffer, boundary: string): readonly SeenPart[] {
  const [, ...blocks] = `\r\n${body.toString('latin1')}`.split(`\r\n--${boundary}`);
  const end = blocks.findIndex(block => block.startsWith('--'));
  return blocks.slice(0, end).map(block => {
    const at = block.indexOf('\r\n\r\n');
    return whole(block.slice(at + 4), block.slice(block.indexOf('\r\n') + 2, at + 2));
  });
}

const NASTY = ['\r', '\r\n--bound', '', 'x\r\n', '\r\n--boundar\r\n--boundar', '-- boundary\r\n-'];

describe('MultipartParser', () => {
  const body = Buffer.concat([Buffer.from('preamble\r\n'), formOf(NASTY), Buffer.from('\r\n--')]);
  const expected = NASTY.map(content => whole(content));

  it('finds the parts of a form in one write', () => {
    expect(split([body])).toEqual(expected);
  });

  it('finds the same parts in two writes, wherever they meet', () => {
    const seen = Array.from({ length: body.byteLength + 1 }, (_, at) => split(cut(body, [at])));
    expect(seen).toEqual(seen.map(() => expected));
  });

  it('finds the same parts in three writes, wherever they meet', () => {
    const small = formOf(['\r\n--b', '\r']);
    const { byteLength } = small;
    const pairs = Array.from({ length: byteLength ** 2 }, (_, index) =>
      [Math.floor(index / byteLength), index % byteLength].toSorted((a, b) => a - b),
    );
    const seen = new Set(pairs.map(pair => JSON.stringify(split(cut(small, pair)))));
    expect([...seen]).toEqual([JSON.stringify(split([small]))]);
  });

  it.each([1, 2, 3, 5, 7, 11, 12, 13, 64])('finds the same parts in writes of %d bytes', bytes => {
    expect(split(inSteps(body, bytes))).toEqual(expected);
  });

  it('finds the same parts with empty writes between', () => {
    const writes = inSteps(body, 1).flatMap(bytes => [Buffer.alloc(0), bytes]);
    expect(split(writes)).toEqual(expected);
  });
});

describe('MultipartParser with content that looks like a delimiter', () => {
  it.each([
    '\r',
    '\n',
    '\r\n',
    '\r\r',
    '\r\n\r\n',
    '\r\n-',
    '\r\n--',
    '\r\n--bound',
    '\r\n--boundar',
    '\r\r\n--boundar',
    '\r\n\r\n--boundar',
    '\r\n--boundar\r\n--boundar',
    '\r\n--\r\n--\r\n-\r\n\r',
    '\n--boundary',
    '\r--boundary',
    '\r\n-boundary',
    '\r\n--Boundary',
    '\r\n --boundary',
    'x\r\n--boundarx',
    `${'\r'.repeat(50)}\n--boundar`,
    '\r\n--boundar'.repeat(20),
  ])('passes it on as content: %j', content => {
    const body = formOf([content, 'next']);
    const seen = Array.from({ length: 16 }, (_, index) => split(inSteps(body, index + 1)));
    expect(seen).toEqual(seen.map(() => [whole(content), whole('next')]));
  });

  it.each<readonly [readonly string[]]>([
    [['\r', '\n', '--', 'bound', 'X']],
    [['\r\n--', 'boundar', 'Y more of it']],
    [['\r\n', '--boundar', '\r\n', '--boundar', '\r']],
    [['a\r', 'b\r', '\r', '\n', '\n--boundary']],
    [['\r\n--boundar', '', '', 'x']],
    [['\r', 'a long chunk that no delimiter fits into']],
    [['\r\n--boundar', 'z\r\n--boundar', 'a long chunk behind it \r\n--boundar']],
  ])('passes it on as content in separate writes: %j', writes => {
    const [before, after] = [`--boundary\r\n${HEAD}\r\n`, '\r\n--boundary--'];
    const seen = split([before, ...writes, after].map(text => Buffer.from(text)));
    expect(seen).toEqual([whole(writes.join(''))]);
  });

  it.each([
    ['b', ['\r\n--a', '\r\n-b', 'b', '\r\n-', '\r\n--\r\n--']],
    ['bb', ['\r\n--b', '\r\n--b\r\n--b', '\r\n--ba']],
    ['-', ['\r\n--', '\r\n--\r\n', '--', '-\r\n-']],
    ['----', ['\r\n-----', '\r\n--x----', '\r\n-----\r\n-']],
    ['inner-outer', ['\r\n--inner--\r\n', '\r\n--inner\r\n\r\n', '\r\n--inner-oute']],
  ])('passes it on as content with the boundary %j', (boundary, contents) => {
    const body = formOf(contents, boundary);
    const expected = contents.map(content => whole(content));
    const seen = Array.from({ length: 12 }, (_, index) =>
      split(inSteps(body, index + 1), boundary),
    );
    expect(seen).toEqual(seen.map(() => expected));
  });

  it('passes on a nested form whose boundary begins like the outer one', () => {
    const inner = formOf(['x', '\r\n--inner-oute'], 'inner').toString();
    const body = formOf([inner], 'inner-outer');
    expect(split(inSteps(body, 1), 'inner-outer')).toEqual([whole(inner)]);
  });

  it('ends the part when the outer boundary is a prefix of the inner one', () => {
    const { splitter, parts } = makeSplitter('inner');
    const body = formOf([`x\r\n${formOf(['y'], 'inner-outer').toString()}`], 'inner');
    expect(() => splitter.write(body)).toThrow(INVALID);
    expect(parts).toEqual([whole('x')]);
  });

  it('finds the delimiter between any bytes', () => {
    const every = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)).toString('latin1');
    expect(split(inSteps(formOf([every, every]), 3))).toEqual([whole(every), whole(every)]);
  });
});

describe('MultipartParser with a form', () => {
  it.each([
    ['nothing but its end', '--boundary--', []],
    ['nothing but its end, behind an empty line', '\r\n--boundary--\r\n', []],
    ['a preamble', `nobody reads this\r\n--boundary\r\n${HEAD}\r\nx\r\n--boundary--`, [whole('x')]],
    ['a preamble like a head', `a: b\r\n\r\nc\r\n--boundary--`, []],
    ['a preamble with its boundary inside a line', ' --boundary\r\n--boundary--', []],
    ['a preamble that ends in half a delimiter', '\r\n--bound\r\n--boundary--', []],
    ['an epilogue', `--boundary\r\n${HEAD}\r\nx\r\n--boundary--\r\nthe end`, [whole('x')]],
    [
      'another form behind its end',
      `--boundary\r\n${HEAD}\r\nx\r\n--boundary--\r\n--boundary\r\n${HEAD}\r\ny\r\n--boundary--`,
      [whole('x')],
    ],
    ['spaces behind a boundary', `--boundary \t \r\n${HEAD}\r\nx\r\n--boundary--`, [whole('x')]],
    ['spaces behind its end', `--boundary\r\n${HEAD}\r\nx\r\n--boundary-- \r\n`, [whole('x')]],
    ['empty content', `--boundary\r\n${HEAD}\r\n\r\n--boundary--`, [whole('')]],
    ['a part without a head', '--boundary\r\n\r\nx\r\n--boundary--', [whole('x', '')]],
    ['a part of nothing', '--boundary\r\n\r\n\r\n--boundary--', [whole('', '')]],
    ['a part of nothing at all', '--boundary\r\n--boundary--', [whole('', '')]],
    ['a part of an empty line', '--boundary\r\n\r\n--boundary--', [whole('', '')]],
    ['a part without content', `--boundary\r\n${HEAD}\r\n--boundary--`, [whole('')]],
    [
      'parts without content before others',
      `--boundary\r\n${HEAD}\r\n--boundary\r\n--boundary\r\n${HEAD}\r\nx\r\n--boundary--`,
      [whole(''), whole('', ''), whole('x')],
    ],
  ])('accepts %s', (_, text, expected) => {
    const body = Buffer.from(text);
    const seen = [split([body]), split(inSteps(body, 1)), split(inSteps(body, 4))];
    expect(seen).toEqual([expected, expected, expected]);
  });

  it('accepts a boundary of any bytes that a header can hold', () => {
    const boundary = 'caf\xe9 \xff=?"\\';
    expect(split(inSteps(formOf(['\r\n--caf\xe9'], boundary), 1), boundary)).toEqual([
      whole('\r\n--caf\xe9'),
    ]);
  });

  it('rejects a truncated form at every byte', () => {
    const end = Buffer.from(`--boundary\r\n${HEAD}\r\n\r\n--b\r\n--boundary--`);
    for (let length = 0; length < end.byteLength; length += 1) {
      const { splitter } = makeSplitter();
      splitter.write(end.subarray(0, length));
      expect(() => splitter.end()).toThrow(INVALID);
    }
    expect(split([end])).toEqual([whole('\r\n--b')]);
  });

  it.each([
    ['', /its body is empty/],
    ['--bound', /boundary "boundary" of its Content-Type does not occur in the body/],
    ['--boundary', /cut off in the headers of part 1:/],
    ['--boundary\r\n\r\nx\r\n--bound', /cut off in part 1:/],
    ['--boundary\r\n\r\nx\r\n--boundary-', /cut off in the headers of part 2:/],
    ['--boundary\r\n\r\nx\r\n--boundary\r\n\r\n', /cut off in part 2:/],
  ])('says where the form ended: %j', (text, place) => {
    const { splitter } = makeSplitter();
    splitter.write(Buffer.from(text));
    expect(() => splitter.end()).toThrow(place);
  });

  it('names the part whose headers do not end', () => {
    const { splitter } = makeSplitter();
    const form = `--boundary\r\n\r\nx\r\n--boundary\r\n${HEAD}--boundary--`;
    expect(() => splitter.write(Buffer.from(form))).toThrow(/headers of part 2 .* no empty line/);
  });

  it.each([
    ['letters', '--boundaryX\r\n\r\n'],
    ['letters in a head', '--boundary\r\nx: y\r\n--boundary: z\r\n\r\n'],
    ['letters at the beginning of content', '--boundary\r\n\r\n--boundaryX\r\n\r\n'],
    ['one dash', '--boundary-\r\n\r\n'],
    ['one dash and a letter', '--boundary-x\r\n\r\n'],
    ['a dash behind a space', '--boundary --\r\n\r\n'],
    ['a head on the same line', `--boundary ${HEAD}\r\n`],
    ['a bare line feed', `--boundary\n${HEAD}\r\n`],
    ['a bare carriage return', `--boundary\r${HEAD}\r\n`],
    ['a NUL', '--boundary\0\r\n\r\n'],
    ['letters at a part that is not the first', `--boundary\r\n\r\nx\r\n--boundaryX\r\n\r\n`],
  ])('rejects %s after a boundary', (_, text) => {
    const [once, slowly] = [makeSplitter(), makeSplitter()];
    expect(() => once.splitter.write(Buffer.from(text))).toThrow(INVALID);
    expect(() => {
      for (const bytes of inSteps(Buffer.from(text), 1)) slowly.splitter.write(bytes);
    }).toThrow(INVALID);
  });
});

describe('MultipartParser with part headers', () => {
  /** A form whose only head takes so many bytes, the end of the delimiter's line included. */
  const headOf = (bytes: number): Buffer => {
    const line = `x:${'y'.repeat(bytes - 4)}`;
    return Buffer.from(`--boundary\r\n${line}\r\n\r\nx\r\n--boundary--`);
  };

  it.each([1, 2, 3, 4_096, Infinity])('accepts 16 KiB in writes of %d bytes', step => {
    const body = headOf(LONGEST_HEAD_BYTES);
    const bytes = Math.min(step, body.byteLength);
    expect(split(inSteps(body, bytes))).toEqual([
      whole('x', `x:${'y'.repeat(LONGEST_HEAD_BYTES - 4)}\r\n`),
    ]);
  });

  it.each([1, 4_096, Infinity])('rejects one byte more in writes of %d bytes', step => {
    const body = headOf(LONGEST_HEAD_BYTES + 1);
    const { splitter, parts } = makeSplitter();
    expect(() => {
      for (const bytes of inSteps(body, Math.min(step, body.byteLength))) splitter.write(bytes);
    }).toThrow(INVALID);
    expect(parts).toEqual([]);
  });

  it.each([
    ['one line', 'x'.repeat(1_000)],
    ['lines', 'x: y\r\n'.repeat(200)],
    ['spaces behind the boundary', ' '.repeat(1_000)],
    ['bare line feeds', '\n'.repeat(1_000)],
    ['carriage returns', '\r'.repeat(1_000)],
  ])('rejects headers that never end: %s', (_, text) => {
    const { splitter } = makeSplitter();
    let writes = 0;
    splitter.write(Buffer.from('--boundary'));
    expect(() => {
      for (; writes < 100; writes += 1) splitter.write(Buffer.from(text));
    }).toThrow(INVALID);
    expect(writes).toBeLessThanOrEqual(Math.ceil((LONGEST_HEAD_BYTES + 10) / text.length));
  });
});

describe('the bytes of MultipartParser', () => {
  it('are views of the written buffer', () => {
    const { splitter, chunks } = makeSplitter();
    const body = formOf(['a'.repeat(500), '\r\n--boundar'.repeat(30)]);
    splitter.write(body);
    expect(chunks.map(({ buffer }) => buffer)).toEqual(chunks.map(() => body.buffer));
    expect(new Set(chunks.map(({ buffer }) => buffer))).toEqual(new Set([body.buffer]));
  });

  it('are views even where the beginning of a delimiter was held back', () => {
    const { splitter, chunks } = makeSplitter();
    const first = Buffer.from(new Uint8Array(Buffer.from(`--boundary\r\n\r\n1\r\n--bound`)));
    const second = Buffer.from(new Uint8Array(Buffer.alloc(500, 'x')));
    splitter.write(first);
    splitter.write(second);
    expect(chunks.map(chunk => chunk.toString())).toEqual(['1', '\r\n--bound', 'x'.repeat(500)]);
    expect(chunks[0]?.buffer).toBe(first.buffer);
    expect(chunks[2]?.buffer).toBe(second.buffer);
  });

  it('are passed on as soon as they cannot belong to a delimiter', () => {
    const { splitter, parts } = makeSplitter();
    const seen = ['--boundary\r\n\r\nab', 'c\r\n', '--bo', 'x', '\r'].map(text => {
      splitter.write(Buffer.from(text));
      return parts[0]?.content;
    });
    expect(seen).toEqual(['ab', 'abc', 'abc', 'abc\r\n--box', 'abc\r\n--box']);
  });

  it('are never empty', () => {
    const { splitter, chunks } = makeSplitter();
    for (const bytes of inSteps(formOf(NASTY), 1)) splitter.write(bytes);
    expect(chunks.filter(({ byteLength }) => byteLength === 0)).toEqual([]);
  });
});

describe('MultipartParser after a failure', () => {
  const error = new Error('given up');

  it('reports it to the open part once and skips the rest', () => {
    const { splitter, parts } = makeSplitter();
    splitter.write(Buffer.from(`--boundary\r\n${HEAD}\r\n1\r\n--boundary\r\n${HEAD}\r\n2`));
    splitter.fail(error);
    splitter.fail(new Error('again'));
    splitter.write(Buffer.from(`3\r\n--boundary\r\n${HEAD}\r\n4\r\n--boundaryX\r\n\r\n`));
    splitter.end();
    expect(parts).toEqual([whole('1'), { head: HEAD, content: '2', ends: 0, failures: [error] }]);
  });

  it.each([
    ['before the first part', '--bound'],
    ['in the head of the first part', `--boundary\r\n${HEAD}`],
    ['at its end', '--boundary--'],
  ])('reports it to no part %s', (_, text) => {
    const { splitter, parts } = makeSplitter();
    splitter.write(Buffer.from(text));
    splitter.fail(error);
    splitter.write(Buffer.from(`\r\n--boundary\r\n${HEAD}\r\n4`));
    splitter.end();
    expect(parts).toEqual([]);
  });

  it('does not report it to a complete part', () => {
    const { splitter, parts } = makeSplitter();
    splitter.write(Buffer.from(`--boundary\r\n${HEAD}\r\n1\r\n--boundary`));
    splitter.fail(error);
    expect(parts).toEqual([whole('1')]);
  });

  it.each<[string, () => PartSink]>([
    [
      'opening a part',
      () => {
        throw error;
      },
    ],
    [
      'taking its content',
      () => ({
        ...NO_SINK,
        add: () => {
          throw error;
        },
      }),
    ],
    [
      'ending it',
      () => ({
        ...NO_SINK,
        end: () => {
          throw error;
        },
      }),
    ],
  ])('throws from write during %s', (_, openPart) => {
    const splitter = new MultipartParser(BOUNDARY, openPart);
    expect(() => splitter.write(formOf(['x']))).toThrow(error);
  });
});

describe('MultipartParser with random forms', () => {
  const SEED = 20_270_214;

  /** A form of content that is hard to tell from its delimiters, which are short. */
  function nastyForm(random: Random): { readonly boundary: string; readonly body: Buffer } {
    const boundary = random.text('ab-', [1, 5]);
    const delimiter = `\r\n--${boundary}`;
    const nasty = (): string => {
      const content = random
        .list([0, 12], () =>
          random.pick(['\r', '\n', '\r\n', '-', '--', 'a', 'b', delimiter.slice(0, -1), '\xff']),
        )
        .join('');
      return `\r\n${content}\r\n`.includes(delimiter) ? '' : content;
    };
    const parts = random.list([0, 4], () => {
      const padding = random.pick(['', '', ' ', '\t  ']);
      const head = random.list([0, 3], () => `h: ${random.text('ab -;="', [0, 9])}\r\n`).join('');
      return `--${boundary}${padding}\r\n${head}\r\n${nasty()}\r\n`;
    });
    const preamble = random.pick(['', '', '\r\n', `${nasty()}\r\n`]);
    const text = `${preamble}${parts.join('')}--${boundary}--${nasty()}`;
    return { boundary, body: Buffer.from(text, 'latin1') };
  }

  it('finds the parts of a simple reference parser', () => {
    const random = new Random(SEED);
    const problems: string[] = [];
    let count = 0;
    for (let round = 0; round < 3_000; round += 1) {
      const { boundary, body } = nastyForm(random);
      const expected = reference(body, boundary);
      const places = random
        .list([0, 12], () => random.whole(0, body.byteLength))
        .toSorted((a, b) => a - b);
      const wanted = JSON.stringify(expected);
      const seen = [[body], cut(body, places), inSteps(body, 1)].map(writes =>
        JSON.stringify(split(writes, boundary)),
      );
      problems.push(...seen.filter(parts => parts !== wanted).map(() => body.toString('latin1')));
      count += expected.length;
    }
    expect(problems).toEqual([]);
    expect(count).toBeGreaterThan(3_000);
  });
});

import { rmSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it, jest } from '@jest/globals';
import { MemoryBudget } from '../../../lib/body/memory-budget.js';
import { until } from '../../support/until.js';
import {
  type BodySetup,
  failClosing,
  failFileHandles,
  leftIn,
  openBody,
  openComing,
  type OpeningContext,
  optionsWith,
  piecesOf,
  readAll,
  setUpBody,
  shortenWrites,
} from '../support/bodies.js';
import { afterThisTest } from '../support/server.js';

/** Node's own, which is there behind a flag only. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

const bytes = (size: number, fill = 'x'): Buffer => Buffer.alloc(size, fill);

/** Whether anything of a body is on disk (its name is removed at once, its descriptor is open). */
function isOnDisk({ folder }: BodySetup): boolean {
  return leftIn(folder).length > 0;
}

function expectNothingLeft({ folder, free, onDisk }: BodySetup): void {
  expect(leftIn(folder)).toEqual([]);
  expect([free(), onDisk()]).toEqual([250, 0]);
}

describe('a body of unknown length', () => {
  it.each([
    ['nothing', [], false],
    ['empty pieces', [bytes(0), bytes(0)], false],
    ['one byte', [bytes(1)], false],
    ['exactly the limit', [bytes(60), bytes(40)], false],
    ['one byte above the limit', [bytes(60), bytes(41)], true],
    ['one large piece', [bytes(100_000)], true],
    ['a small piece after the file was made', [bytes(99), bytes(50, 'y'), bytes(1, 'z')], true],
  ])('of %s arrives whole, can be read twice, and leaves nothing', async (_, pieces, onDisk) => {
    const setup = setUpBody();
    const expected = Buffer.concat(pieces);
    const body = await openBody(piecesOf(...pieces), setup.context);
    expect(body).toMatchObject({ size: expected.byteLength, isReplayable: true });
    expect(isOnDisk(setup)).toBe(onDisk);
    expect((await readAll(body)).equals(expected)).toBe(true);
    expect((await readAll(body)).equals(expected)).toBe(true);
    expect(setup.head()?.equals(expected.subarray(0, 4_100))).toBe(true);
    await body.dispose();
    await body.dispose();
    expectNothingLeft(setup);
  });

  it.each([1, 100, 5_000])('is whole when the disk takes %d bytes at a time', async mostBytes => {
    await shortenWrites(mostBytes);
    const pieces = ['a', 'b', 'c'].map(fill => bytes(5_000, fill));
    const body = await openBody(piecesOf(...pieces), setUpBody().context);
    expect((await readAll(body)).equals(Buffer.concat(pieces))).toBe(true);
    await body.dispose();
  });

  it.each<[string, typeof openComing, (buffer: Buffer) => Buffer]>([
    ['copies of pieces that their source fills again', openBody, buffer => buffer],
    ['pieces that were given away', openComing, buffer => Buffer.from(buffer)],
  ])('is whole of %s', async (_, open, give) => {
    const buffer = bytes(100_000);
    const fills = Array.from({ length: 20 }, (__, index) => String(index));
    async function* source(): AsyncGenerator<Uint8Array> {
      for (const fill of fills) yield give(buffer.fill(fill));
    }
    const body = await open(source(), setUpBody().context);
    const expected = Buffer.concat(fills.map(fill => bytes(100_000, fill)));
    expect((await readAll(body)).equals(expected)).toBe(true);
    await body.dispose();
  });

  it('holds its part of the budget until it is disposed of', async () => {
    const setup = setUpBody();
    const body = await openBody(piecesOf(bytes(90)), setup.context);
    expect(setup.free()).toBe(160);
    await body.dispose();
    expectNothingLeft(setup);
  });

  it('gives its part of the budget back when it goes to disk', async () => {
    const setup = setUpBody();
    const body = await openBody(piecesOf(bytes(90), bytes(90)), setup.context);
    expect(setup.free()).toBe(250);
    await body.dispose();
    expectNothingLeft(setup);
  });

  it('goes to disk, however small, when the budget is used up', async () => {
    const setup = setUpBody();
    const held = await Promise.all(
      [100, 100, 40].map(size => openBody(piecesOf(bytes(size)), setup.context)),
    );
    expect(isOnDisk(setup)).toBe(false);
    const body = await openBody(piecesOf(bytes(11, 'y')), setup.context);
    expect(isOnDisk(setup)).toBe(true);
    expect((await readAll(body)).equals(bytes(11, 'y'))).toBe(true);
    await Promise.all([...held, body].map(each => each.dispose()));
    expectNothingLeft(setup);
  });

  it('goes to disk entirely when nothing may stay in memory', async () => {
    const setup = setUpBody({ options: optionsWith(0) });
    const body = await openBody(piecesOf(bytes(1)), setup.context);
    expect(isOnDisk(setup)).toBe(true);
    await body.dispose();
    expectNothingLeft(setup);
  });

  it.each([
    ['in memory', 80],
    ['on disk', 500],
  ])('is whole when its source fills one buffer again and again, %s', async (_, count) => {
    const setup = setUpBody();
    async function* reusing(): AsyncGenerator<Uint8Array> {
      const one = Buffer.alloc(1);
      for (let index = 0; index < count; index += 1) {
        one[0] = index % 251;
        yield one;
      }
    }
    const expected = Buffer.from(Array.from({ length: count }, (__, index) => index % 251));
    const body = await openBody(reusing(), setup.context);
    expect((await readAll(body)).equals(expected)).toBe(true);
    await body.dispose();
  });

  it('shows its first 4100 bytes as soon as they are there, and only once', async () => {
    const inspectHead = jest.fn<OpeningContext['inspectHead']>(() => Promise.resolve());
    const setup = setUpBody({ inspectHead });
    let seenAtSecond = -1;
    async function* source(): AsyncGenerator<Uint8Array> {
      yield bytes(4_099, 'a');
      yield bytes(2, 'b');
      seenAtSecond = inspectHead.mock.calls.length;
      yield bytes(10, 'c');
    }
    const body = await openBody(source(), setup.context);
    await body.dispose();
    expect(seenAtSecond).toBe(1);
    expect(inspectHead).toHaveBeenCalledTimes(1);
    expect(inspectHead.mock.calls.map(([head]) => Buffer.from(head).toString())).toEqual([
      `${'a'.repeat(4_099)}b`,
    ]);
  });

  it('shows an empty head when it is empty', async () => {
    const inspectHead = jest.fn<OpeningContext['inspectHead']>(() => Promise.resolve());
    await openBody(piecesOf(), setUpBody({ inspectHead }).context);
    expect(inspectHead.mock.calls.map(([head]) => head.byteLength)).toEqual([0]);
  });
});

describe('a body that is given up', () => {
  it('is refused by its head before anything of the deciding piece is on disk', async () => {
    const refusal = new Error('refused');
    const leftAtHead: (readonly string[])[] = [];
    const given = setUpBody({
      inspectHead: async () => {
        leftAtHead.push(leftIn(given.folder));
        throw refusal;
      },
    });
    const returned = jest.fn();
    async function* source(): AsyncGenerator<Uint8Array> {
      try {
        yield bytes(5_000);
        yield bytes(5_000);
      } finally {
        returned();
      }
    }
    await expect(openBody(source(), given.context)).rejects.toBe(refusal);
    expect(returned).toHaveBeenCalledTimes(1);
    expect(leftAtHead).toEqual([[]]);
    expectNothingLeft(given);
  });

  it('is refused at its end when it is shorter than a head', async () => {
    const refusal = new Error('refused');
    const setup = setUpBody({ inspectHead: () => Promise.reject(refusal) });
    await expect(openBody(piecesOf(bytes(300)), setup.context)).rejects.toBe(refusal);
    expectNothingLeft(setup);
  });

  it.each([
    ['in memory', 50],
    ['on disk', 5_000],
  ])('leaves nothing when its source fails while it is %s', async (_, size) => {
    const setup = setUpBody();
    const fault = new Error('source failed');
    async function* source(): AsyncGenerator<Uint8Array> {
      yield bytes(size);
      throw fault;
    }
    await expect(openBody(source(), setup.context)).rejects.toMatchObject({
      code: 'WX_CLOUD_BODY_FAILED',
      cause: fault,
    });
    expectNothingLeft(setup);
  });

  it('leaves nothing when it is aborted while it is on disk', async () => {
    const controller = new AbortController();
    const setup = setUpBody({ signal: controller.signal });
    async function* source(): AsyncGenerator<Uint8Array> {
      yield bytes(5_000);
      controller.abort(new Error('gave up'));
      yield bytes(5_000);
    }
    await expect(openBody(source(), setup.context)).rejects.toThrow('gave up');
    expectNothingLeft(setup);
  });
});

describe('a spool that fails', () => {
  it('for want of its folder says so', async () => {
    const setup = setUpBody();
    rmSync(setup.folder, { recursive: true });
    const error = openBody(piecesOf(bytes(101)), setup.context);
    await expect(error).rejects.toMatchObject({
      code: 'WX_CLOUD_SPOOL_FAILED',
      cause: { code: 'ENOENT' },
    });
    expect(setup.free()).toBe(250);
  });

  it('for want of room on the disk says so, and leaves nothing', async () => {
    const setup = setUpBody();
    await failFileHandles('writev', 'ENOSPC');
    await expect(openBody(piecesOf(bytes(90), bytes(90)), setup.context)).rejects.toMatchObject({
      code: 'WX_CLOUD_SPOOL_FAILED',
      cause: { code: 'ENOSPC' },
    });
    expectNothingLeft(setup);
  });

  it('when it is read back says so, and leaves nothing', async () => {
    const setup = setUpBody();
    const body = await openBody(piecesOf(bytes(500)), setup.context);
    await failFileHandles('read', 'EIO');
    await expect(readAll(body)).rejects.toMatchObject({ code: 'WX_CLOUD_SPOOL_FAILED' });
    await body.dispose();
    expectNothingLeft(setup);
  });

  it('to close its file troubles nobody but with a warning', async () => {
    const setup = setUpBody();
    const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
    afterThisTest(() => warn.mockRestore());
    await failClosing('EIO');
    const body = await openBody(piecesOf(bytes(500)), setup.context);
    await expect(body.dispose()).resolves.toBeUndefined();
    expect(warn.mock.calls).toEqual([['A temporary file could not be removed: EIO: close']]);
    expectNothingLeft(setup);
  });

  it('when it is read after its end says so', async () => {
    const setup = setUpBody();
    const body = await openBody(piecesOf(bytes(500)), setup.context);
    await body.dispose();
    await expect(readAll(body)).rejects.toMatchObject({ code: 'WX_CLOUD_SPOOL_FAILED' });
  });
});

/** ChunkReader that are given as they are asked for by the test. */
function pushed(): { push: (piece?: Buffer) => void; pieces: AsyncIterable<Uint8Array> } {
  const waiting: ((result: IteratorResult<Uint8Array>) => void)[] = [];
  const ready: IteratorResult<Uint8Array>[] = [];
  const next = (): Promise<IteratorResult<Uint8Array>> =>
    new Promise(resolve => {
      const result = ready.shift();
      if (result === undefined) waiting.push(resolve);
      else resolve(result);
    });
  return {
    push: piece => {
      const result: IteratorResult<Uint8Array> =
        piece === undefined ? { done: true, value: undefined } : { done: false, value: piece };
      const resolve = waiting.shift();
      if (resolve === undefined) ready.push(result);
      else resolve(result);
    },
    pieces: { [Symbol.asyncIterator]: () => ({ next }) },
  };
}

describe('a body whose source has stopped, when its memory is wanted', () => {
  const start = (
    given: Partial<OpeningContext> = {},
    more: Parameters<typeof setUpBody>[1] = {},
  ) => {
    const setup = setUpBody(given, more);
    const { push, pieces } = pushed();
    return { setup, push, opening: openBody(pieces, setup.context) };
  };
  const holds = (setup: BodySetup, bytesHeld: number): Promise<void> =>
    until(() => setup.free() === 250 - bytesHeld, `${bytesHeld} bytes held`);

  it.each([
    ['before its head is there', [90]],
    ['behind its head', [4_100, 90]],
  ])('goes to disk %s, and is whole', async (_, sizes) => {
    const given = setUpBody();
    const { setup, push, opening } = start({
      options: optionsWith(10_000),
      budget: new MemoryBudget(10_000, given.memory),
    });
    const pieces = sizes.map((size, index) => bytes(size, String(index)));
    const sum = sizes.reduce((all, size) => all + size, 0);
    for (const piece of pieces) push(piece);
    await until(() => given.memory.usedBytes === sum, 'all of it');
    expect(isOnDisk(setup)).toBe(false);

    expect(setup.context.budget.reserve(10_000)).toBe(false);
    await until(() => given.memory.usedBytes === 0, 'no memory held');
    expect([isOnDisk(setup), setup.onDisk()]).toEqual([true, sum]);

    push(bytes(20, 'z'));
    push();
    const body = await opening;
    const expected = Buffer.concat([...pieces, bytes(20, 'z')]);
    expect((await readAll(body)).equals(expected)).toBe(true);
    expect(setup.head()?.equals(expected.subarray(0, 4_100))).toBe(true);
    await body.dispose();
    expect([leftIn(setup.folder), setup.onDisk(), given.memory.usedBytes]).toEqual([[], 0, 0]);
  });

  it('keeps it while its head is looked at, and goes to disk when the rest is read', async () => {
    const given = setUpBody();
    const budget = new MemoryBudget(10_000, given.memory);
    const onDiskAtHead: boolean[] = [];
    const { setup, push, opening } = start({
      options: optionsWith(10_000),
      budget,
      inspectHead: async () => {
        budget.reserve(10_000);
        await until(() => given.memory.moving.size > 0, 'the body asked');
        onDiskAtHead.push(isOnDisk(setup));
      },
    });
    push(bytes(5_000));
    await until(() => isOnDisk(setup), 'the body on disk');
    push();
    await (await opening).dispose();
    expect([onDiskAtHead, given.memory.usedBytes]).toEqual([[false], 0]);
    expectNothingLeft(setup);
  });

  it('writes what it has gathered for the disk', async () => {
    const given = setUpBody();
    const budget = new MemoryBudget(100_000, given.memory);
    const { setup, push, opening } = start({ budget });
    push(bytes(5_000));
    push(bytes(1_000));
    await until(() => setup.onDisk() === 6_000, 'the second piece');
    await until(() => given.memory.usedBytes === 1_000, 'the first transfer');
    budget.reserve(100_000);
    await until(() => given.memory.usedBytes === 0, 'no memory held');
    push();
    const body = await opening;
    expect((await readAll(body)).byteLength).toBe(6_000);
    await body.dispose();
    expectNothingLeft(setup);
  });

  it('stays in memory where the disk has no room for it', async () => {
    const { setup, push, opening } = start({}, { diskBytes: 0 });
    push(bytes(90));
    await holds(setup, 90);
    setup.context.budget.reserve(1_000);
    await holds(setup, 90);
    push(bytes(5));
    push();
    const body = await opening;
    expect((await readAll(body)).byteLength).toBe(95);
    expect(isOnDisk(setup)).toBe(false);
    await body.dispose();
    expectNothingLeft(setup);
  });

  it('fails with its next piece when it cannot be written, and leaves nothing', async () => {
    await failFileHandles('writev', 'ENOSPC');
    const { setup, push, opening } = start();
    push(bytes(90));
    await holds(setup, 90);
    setup.context.budget.reserve(1_000);
    await holds(setup, 0);
    push(bytes(1));
    await expect(opening).rejects.toMatchObject({ code: 'WX_CLOUD_SPOOL_FAILED' });
    expectNothingLeft(setup);
  });

  it('stays where it is once it is there as a whole', async () => {
    const setup = setUpBody();
    const body = await openBody(piecesOf(bytes(90)), setup.context);
    setup.context.budget.reserve(1_000);
    await holds(setup, 90);
    expect(isOnDisk(setup)).toBe(false);
    await body.dispose();
    expectNothingLeft(setup);
  });
});

describe('a piece that has gone to disk', () => {
  it('is held by nothing, however long the next one takes', async () => {
    const setup = setUpBody();
    const { push, pieces } = pushed();
    const opening = openComing(pieces, setup.context);
    const pushOne = (): WeakRef<Buffer> => {
      const piece = Buffer.allocUnsafeSlow(100_000);
      push(piece);
      return new WeakRef(piece);
    };
    const written = pushOne();
    await until(() => setup.onDisk() === 100_000, 'the piece on its way');
    await until(() => setup.free() === 250, 'the piece on disk');
    await until(() => {
      collectGarbage();
      return written.deref() === undefined;
    }, 'the piece gone');
    push();
    await (await opening).dispose();
    expectNothingLeft(setup);
  });
});

describe('a body on disk', () => {
  it('is read with little memory when none is left, and gives back what it takes', async () => {
    const setup = setUpBody();
    const body = await openBody(piecesOf(bytes(100_000)), setup.context);
    setup.context.budget.count(250);
    const sizes: number[] = [];
    for await (const piece of body.open(setup.context.signal) as AsyncIterable<Uint8Array>) {
      sizes.push(piece.byteLength);
      expect(setup.free()).toBe(-piece.byteLength);
    }
    expect(Math.max(...sizes)).toBe(16_384);
    setup.context.budget.release(250);
    await body.dispose();
    expectNothingLeft(setup);
  });

  it.each<[string, (reading: AsyncIterator<Uint8Array>) => unknown]>([
    ['is left early', reading => reading.return?.()],
    ['is forgotten', () => {}],
  ])('gives back what it was read ahead by when the reading %s', async (_, leave) => {
    const given = setUpBody();
    const budget = new MemoryBudget(10_000_000, given.memory);
    const setup = setUpBody({ budget });
    const body = await openBody(piecesOf(bytes(2_000_000)), setup.context);
    const source = body.open(setup.context.signal) as AsyncIterable<Uint8Array>;
    const reading = source[Symbol.asyncIterator]();
    await reading.next();
    expect(given.memory.usedBytes).toBe(2 * 524_288);
    await leave(reading);
    await body.dispose();
    expect([given.memory.usedBytes, leftIn(setup.folder)]).toEqual([0, []]);
  });
});

describe('a disk budget', () => {
  it.each([
    ['that is passed', { mostBytes: undefined }, 150],
    ['that a body may pass by what is known of it', { mostBytes: 151 }, 101],
    ['of zero', { mostBytes: undefined, diskBytes: 0 }, 101],
  ])(
    '%s refuses the body, and leaves nothing',
    async (
      _,
      { mostBytes, diskBytes = 150 }: { mostBytes: number | undefined; diskBytes?: number },
      size,
    ) => {
      const setup = setUpBody({ mostBytes }, { diskBytes });
      const source = piecesOf(...Array.from({ length: size + 1 }, () => bytes(1)));
      await expect(openComing(source, setup.context)).rejects.toMatchObject({
        code: 'WX_CLOUD_SPOOL_FAILED',
        message: expect.stringContaining('upload.diskBudgetBytes'),
      });
      expectNothingLeft(setup);
    },
  );

  it('is not asked for a body that stays in memory', async () => {
    const setup = setUpBody({ mostBytes: 1_000 }, { diskBytes: 0 });
    const body = await openComing(piecesOf(bytes(100)), setup.context);
    await body.dispose();
    expectNothingLeft(setup);
  });
});

import { rmSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it, jest } from '@jest/globals';
import { MemoryBudget } from '../../../lib/body/memory-budget.js';
import { openSource } from '../../../lib/body/open-source.js';
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
  chunksOf,
  readAll,
  setUpBody,
  shortenWrites,
} from '../support/bodies.js';
import { afterThisTest } from '../../support/after-test.js';

/** Node's garbage collector, which needs a flag. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

/** Resolves once the files that were being opened before it are open. */
async function settleFiles(): Promise<void> {
  for (let count = 0; count < 20; count += 1) await stat('/');
}

const bytes = (size: number, fill = 'x'): Buffer => Buffer.alloc(size, fill);

/** Returns whether a body is on disk; its name is removed at once, its descriptor stays open. */
function isOnDisk({ folder }: BodySetup): boolean {
  return leftIn(folder).length > 0;
}

function expectNothingLeft({ folder, free, onDisk }: BodySetup): void {
  expect(leftIn(folder)).toEqual([]);
  expect([free(), onDisk()]).toEqual([250, 0]);
}

describe('spool', () => {
  it.each([
    ['nothing', [], false],
    ['empty chunks', [bytes(0), bytes(0)], false],
    ['one byte', [bytes(1)], false],
    ['exactly the limit', [bytes(60), bytes(40)], false],
    ['one byte above the limit', [bytes(60), bytes(41)], true],
    ['one large chunk', [bytes(100_000)], true],
    ['a small chunk after the file was made', [bytes(99), bytes(50, 'y'), bytes(1, 'z')], true],
  ])('reads %s twice and leaves nothing', async (_, chunks, onDisk) => {
    const setup = setUpBody();
    const expected = Buffer.concat(chunks);
    const body = await openBody(chunksOf(...chunks), setup.context);
    expect(body).toMatchObject({ size: expected.byteLength, isReplayable: true });
    expect(isOnDisk(setup)).toBe(onDisk);
    expect((await readAll(body)).equals(expected)).toBe(true);
    expect((await readAll(body)).equals(expected)).toBe(true);
    expect(setup.head()?.equals(expected.subarray(0, 4_100))).toBe(true);
    await body.dispose();
    await body.dispose();
    expectNothingLeft(setup);
  });

  it.each([1, 100, 5_000])(
    'keeps every byte when the disk takes %d bytes at a time',
    async mostBytes => {
      await shortenWrites(mostBytes);
      const chunks = ['a', 'b', 'c'].map(fill => bytes(5_000, fill));
      const body = await openBody(chunksOf(...chunks), setUpBody().context);
      expect((await readAll(body)).equals(Buffer.concat(chunks))).toBe(true);
      await body.dispose();
    },
  );

  it.each<[string, typeof openComing, (buffer: Buffer) => Buffer]>([
    ['copies of chunks whose source reuses its buffer', openBody, buffer => buffer],
    ['chunks that it owns', openComing, buffer => Buffer.from(buffer)],
  ])('keeps every byte of %s', async (_, open, give) => {
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

  it.each([
    ['is about to be opened', 0],
    ['is being opened', 1],
    ['has been opened', 200],
  ])('leaves nothing when it is disposed while its temporary file %s', async (_, turns) => {
    const setup = setUpBody();
    const queue = Object.assign(chunksOf(bytes(5_000), bytes(5_000), bytes(5_000)), {
      isMoveRequested: false,
      countedBytes: undefined,
      takeWhole: () => undefined,
    });
    const input = { queue, size: undefined, mostBytes: undefined };
    const source = await openSource(input, setup.context, setup.context.signal);
    source.coming?.keepOn();
    for (let turn = 0; turn < turns; turn += 1) await undefined;
    await source.dispose();
    expectNothingLeft(setup);
    await settleFiles();
    expectNothingLeft(setup);
  });

  it('holds its share of the budget until it is disposed', async () => {
    const setup = setUpBody();
    const body = await openBody(chunksOf(bytes(90)), setup.context);
    expect(setup.free()).toBe(160);
    await body.dispose();
    expectNothingLeft(setup);
  });

  it('releases its share of the budget when it moves to disk', async () => {
    const setup = setUpBody();
    const body = await openBody(chunksOf(bytes(90), bytes(90)), setup.context);
    expect(setup.free()).toBe(250);
    await body.dispose();
    expectNothingLeft(setup);
  });

  it('moves even a small body to disk when the budget is used up', async () => {
    const setup = setUpBody();
    const held = await Promise.all(
      [100, 100, 40].map(size => openBody(chunksOf(bytes(size)), setup.context)),
    );
    expect(isOnDisk(setup)).toBe(false);
    const body = await openBody(chunksOf(bytes(11, 'y')), setup.context);
    expect(isOnDisk(setup)).toBe(true);
    expect((await readAll(body)).equals(bytes(11, 'y'))).toBe(true);
    await Promise.all([...held, body].map(each => each.dispose()));
    expectNothingLeft(setup);
  });

  it('keeps everything on disk with a memory limit of zero', async () => {
    const setup = setUpBody({ options: optionsWith(0) });
    const body = await openBody(chunksOf(bytes(1)), setup.context);
    expect(isOnDisk(setup)).toBe(true);
    await body.dispose();
    expectNothingLeft(setup);
  });

  it.each([
    ['in memory', 80],
    ['on disk', 500],
  ])('keeps every byte of a source that reuses one buffer, %s', async (_, count) => {
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

  it('shows its first 4100 bytes as soon as they have arrived, and only once', async () => {
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

  it('shows an empty head for an empty body', async () => {
    const inspectHead = jest.fn<OpeningContext['inspectHead']>(() => Promise.resolve());
    await openBody(chunksOf(), setUpBody({ inspectHead }).context);
    expect(inspectHead.mock.calls.map(([head]) => head.byteLength)).toEqual([0]);
  });
});

describe('spool of a refused or failed body', () => {
  it('is refused by its head before the deciding chunk is on disk', async () => {
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
    await expect(openBody(chunksOf(bytes(300)), setup.context)).rejects.toBe(refusal);
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

describe('a failing spool', () => {
  it('reports a missing folder', async () => {
    const setup = setUpBody();
    rmSync(setup.folder, { recursive: true });
    const error = openBody(chunksOf(bytes(101)), setup.context);
    await expect(error).rejects.toMatchObject({
      code: 'WX_CLOUD_SPOOL_FAILED',
      cause: { code: 'ENOENT' },
    });
    expect(setup.free()).toBe(250);
  });

  it('reports a full disk and leaves nothing', async () => {
    const setup = setUpBody();
    await failFileHandles('writev', 'ENOSPC');
    await expect(openBody(chunksOf(bytes(90), bytes(90)), setup.context)).rejects.toMatchObject({
      code: 'WX_CLOUD_SPOOL_FAILED',
      cause: { code: 'ENOSPC' },
    });
    expectNothingLeft(setup);
  });

  it('reports a failed read and leaves nothing', async () => {
    const setup = setUpBody();
    const body = await openBody(chunksOf(bytes(500)), setup.context);
    await failFileHandles('read', 'EIO');
    await expect(readAll(body)).rejects.toMatchObject({ code: 'WX_CLOUD_SPOOL_FAILED' });
    await body.dispose();
    expectNothingLeft(setup);
  });

  it('only warns when its file cannot be closed', async () => {
    const setup = setUpBody();
    const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
    afterThisTest(() => warn.mockRestore());
    await failClosing('EIO');
    const body = await openBody(chunksOf(bytes(500)), setup.context);
    await expect(body.dispose()).resolves.toBeUndefined();
    expect(warn.mock.calls).toEqual([['A temporary file could not be deleted: EIO: close']]);
    expectNothingLeft(setup);
  });

  it('reports a read after its disposal', async () => {
    const setup = setUpBody();
    const body = await openBody(chunksOf(bytes(500)), setup.context);
    await body.dispose();
    await expect(readAll(body)).rejects.toMatchObject({ code: 'WX_CLOUD_SPOOL_FAILED' });
  });
});

/** Chunks that the test releases one by one. */
function pushed(): { push: (chunk?: Buffer) => void; chunks: AsyncIterable<Uint8Array> } {
  const waiting: ((result: IteratorResult<Uint8Array>) => void)[] = [];
  const ready: IteratorResult<Uint8Array>[] = [];
  const next = (): Promise<IteratorResult<Uint8Array>> =>
    new Promise(resolve => {
      const result = ready.shift();
      if (result === undefined) waiting.push(resolve);
      else resolve(result);
    });
  return {
    push: chunk => {
      const result: IteratorResult<Uint8Array> =
        chunk === undefined ? { done: true, value: undefined } : { done: false, value: chunk };
      const resolve = waiting.shift();
      if (resolve === undefined) ready.push(result);
      else resolve(result);
    },
    chunks: { [Symbol.asyncIterator]: () => ({ next }) },
  };
}

describe('spool of a stalled source when its memory is wanted', () => {
  const start = (
    given: Partial<OpeningContext> = {},
    more: Parameters<typeof setUpBody>[1] = {},
  ) => {
    const setup = setUpBody(given, more);
    const { push, chunks } = pushed();
    return { setup, push, opening: openBody(chunks, setup.context) };
  };
  const holds = (setup: BodySetup, bytesHeld: number): Promise<void> =>
    until(() => setup.free() === 250 - bytesHeld, `${bytesHeld} bytes held`);

  it.each([
    ['before its head is there', [90]],
    ['behind its head', [4_100, 90]],
  ])('moves to disk %s and keeps every byte', async (_, sizes) => {
    const given = setUpBody();
    const { setup, push, opening } = start({
      options: optionsWith(10_000),
      budget: new MemoryBudget(10_000, given.memory),
    });
    const chunks = sizes.map((size, index) => bytes(size, String(index)));
    const sum = sizes.reduce((all, size) => all + size, 0);
    for (const chunk of chunks) push(chunk);
    await until(() => given.memory.usedBytes === sum, 'all of it');
    expect(isOnDisk(setup)).toBe(false);

    expect(setup.context.budget.reserve(10_000)).toBe(false);
    await until(() => given.memory.usedBytes === 0, 'no memory held');
    expect([isOnDisk(setup), setup.onDisk()]).toEqual([true, sum]);

    push(bytes(20, 'z'));
    push();
    const body = await opening;
    const expected = Buffer.concat([...chunks, bytes(20, 'z')]);
    expect((await readAll(body)).equals(expected)).toBe(true);
    expect(setup.head()?.equals(expected.subarray(0, 4_100))).toBe(true);
    await body.dispose();
    expect([leftIn(setup.folder), setup.onDisk(), given.memory.usedBytes]).toEqual([[], 0, 0]);
  });

  it('keeps its memory during the head check and moves to disk when the rest is read', async () => {
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

  it('writes the chunks gathered for the disk', async () => {
    const given = setUpBody();
    const budget = new MemoryBudget(100_000, given.memory);
    const { setup, push, opening } = start({ budget });
    push(bytes(5_000));
    push(bytes(1_000));
    await until(() => setup.onDisk() === 6_000, 'the second chunk');
    await until(() => given.memory.usedBytes === 1_000, 'the first transfer');
    budget.reserve(100_000);
    await until(() => given.memory.usedBytes === 0, 'no memory held');
    push();
    const body = await opening;
    expect((await readAll(body)).byteLength).toBe(6_000);
    await body.dispose();
    expectNothingLeft(setup);
  });

  it('stays in memory when the disk has no room', async () => {
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

  it('fails with its next chunk when it cannot be written, and leaves nothing', async () => {
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

  it('stays where it is once it is complete', async () => {
    const setup = setUpBody();
    const body = await openBody(chunksOf(bytes(90)), setup.context);
    setup.context.budget.reserve(1_000);
    await holds(setup, 90);
    expect(isOnDisk(setup)).toBe(false);
    await body.dispose();
    expectNothingLeft(setup);
  });
});

describe('a chunk on disk', () => {
  it('is no longer referenced while the next one is awaited', async () => {
    const setup = setUpBody();
    const { push, chunks } = pushed();
    const opening = openComing(chunks, setup.context);
    const pushOne = (): WeakRef<Buffer> => {
      const chunk = Buffer.allocUnsafeSlow(100_000);
      push(chunk);
      return new WeakRef(chunk);
    };
    const written = pushOne();
    await until(() => setup.onDisk() === 100_000, 'the chunk on its way');
    await until(() => setup.free() === 250, 'the chunk on disk');
    await until(() => {
      collectGarbage();
      return written.deref() === undefined;
    }, 'the chunk gone');
    push();
    await (await opening).dispose();
    expectNothingLeft(setup);
  });
});

describe('reading a spooled body from disk', () => {
  it('takes little memory when none is left, and releases it', async () => {
    const setup = setUpBody();
    const body = await openBody(chunksOf(bytes(100_000)), setup.context);
    setup.context.budget.count(250);
    const sizes: number[] = [];
    for await (const chunk of body.open(setup.context.signal) as AsyncIterable<Uint8Array>) {
      sizes.push(chunk.byteLength);
      expect(setup.free()).toBe(-chunk.byteLength);
    }
    expect(Math.max(...sizes)).toBe(16_384);
    setup.context.budget.release(250);
    await body.dispose();
    expectNothingLeft(setup);
  });

  it.each<[string, (reading: AsyncIterator<Uint8Array>) => unknown]>([
    ['is left early', reading => reading.return?.()],
    ['is forgotten', () => {}],
  ])('releases what was read ahead when the reading %s', async (_, leave) => {
    const given = setUpBody();
    const budget = new MemoryBudget(10_000_000, given.memory);
    const setup = setUpBody({ budget });
    const body = await openBody(chunksOf(bytes(2_000_000)), setup.context);
    const source = body.open(setup.context.signal) as AsyncIterable<Uint8Array>;
    const reading = source[Symbol.asyncIterator]();
    await reading.next();
    expect(given.memory.usedBytes).toBe(2 * 524_288);
    await leave(reading);
    await body.dispose();
    expect([given.memory.usedBytes, leftIn(setup.folder)]).toEqual([0, []]);
  });
});

describe('spool with a disk budget', () => {
  it.each([
    ['a budget that is exceeded', { mostBytes: undefined }, 150],
    ['a budget that the declared maximum exceeds', { mostBytes: 151 }, 101],
    ['a budget of zero', { mostBytes: undefined, diskBytes: 0 }, 101],
  ])(
    'refuses the body and leaves nothing with %s',
    async (
      _,
      { mostBytes, diskBytes = 150 }: { mostBytes: number | undefined; diskBytes?: number },
      size,
    ) => {
      const setup = setUpBody({ mostBytes }, { diskBytes });
      const source = chunksOf(...Array.from({ length: size + 1 }, () => bytes(1)));
      await expect(openComing(source, setup.context)).rejects.toMatchObject({
        code: 'WX_CLOUD_SPOOL_FAILED',
        message: expect.stringContaining('upload.diskBudgetBytes'),
      });
      expectNothingLeft(setup);
    },
  );

  it('does not count a body that stays in memory', async () => {
    const setup = setUpBody({ mostBytes: 1_000 }, { diskBytes: 0 });
    const body = await openComing(chunksOf(bytes(100)), setup.context);
    await body.dispose();
    expectNothingLeft(setup);
  });
});

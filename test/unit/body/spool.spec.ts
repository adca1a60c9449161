import { rmSync } from 'node:fs';
import { describe, expect, it, jest } from '@jest/globals';
import { MemoryBudget, openUploadBody, type OpenBodyContext } from '../../../lib/body/index.js';
import { afterThisTest } from '../support/server.js';
import {
  failClosing,
  failFileHandles,
  leftIn,
  piecesOf,
  readAll,
  setUpBody,
  shortenWrites,
  type BodySetup,
} from '../support/bodies.js';

const bytes = (size: number, fill = 'x'): Buffer => Buffer.alloc(size, fill);

/** Whether anything of a body is on disk (its name is removed at once, its descriptor is open). */
function isOnDisk({ folder }: BodySetup): boolean {
  return leftIn(folder).length > 0;
}

function expectNothingLeft({ folder, free }: BodySetup): void {
  expect(leftIn(folder)).toEqual([]);
  expect(free()).toBe(250);
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
    const body = await openUploadBody(piecesOf(...pieces), setup.context);
    expect(body).toMatchObject({ size: expected.byteLength, isReplayable: true });
    expect(isOnDisk(setup)).toBe(onDisk);
    expect((await readAll(body)).equals(expected)).toBe(true);
    expect((await readAll(body)).equals(expected)).toBe(true);
    expect(Buffer.from(body.head).equals(expected.subarray(0, 4_100))).toBe(true);
    await body.dispose();
    await body.dispose();
    expectNothingLeft(setup);
  });

  it.each([1, 100, 5_000])('is whole when the disk takes %d bytes at a time', async mostBytes => {
    await shortenWrites(mostBytes);
    const pieces = ['a', 'b', 'c'].map(fill => bytes(5_000, fill));
    const body = await openUploadBody(piecesOf(...pieces), setUpBody().context);
    expect((await readAll(body)).equals(Buffer.concat(pieces))).toBe(true);
    await body.dispose();
  });

  it.each<[string, boolean, (buffer: Buffer) => Buffer]>([
    ['copies of pieces that their source fills again', false, buffer => buffer],
    ['pieces that were given away', true, buffer => Buffer.from(buffer)],
  ])('is whole of %s', async (_, areGivenAway, give) => {
    const buffer = bytes(100_000);
    const fills = Array.from({ length: 20 }, (__, index) => String(index));
    async function* source(): AsyncGenerator<Uint8Array> {
      for (const fill of fills) yield give(buffer.fill(fill));
    }
    const body = await openUploadBody(source(), setUpBody({ areGivenAway }).context);
    const expected = Buffer.concat(fills.map(fill => bytes(100_000, fill)));
    expect((await readAll(body)).equals(expected)).toBe(true);
    await body.dispose();
  });

  it('holds its part of the budget until it is disposed of', async () => {
    const setup = setUpBody();
    const body = await openUploadBody(piecesOf(bytes(90)), setup.context);
    expect(setup.free()).toBe(160);
    await body.dispose();
    expectNothingLeft(setup);
  });

  it('gives its part of the budget back when it goes to disk', async () => {
    const setup = setUpBody();
    const body = await openUploadBody(piecesOf(bytes(90), bytes(90)), setup.context);
    expect(setup.free()).toBe(250);
    await body.dispose();
    expectNothingLeft(setup);
  });

  it('goes to disk, however small, when the budget is used up', async () => {
    const setup = setUpBody();
    const held = await Promise.all(
      [100, 100, 40].map(size => openUploadBody(piecesOf(bytes(size)), setup.context)),
    );
    expect(isOnDisk(setup)).toBe(false);
    const body = await openUploadBody(piecesOf(bytes(11, 'y')), setup.context);
    expect(isOnDisk(setup)).toBe(true);
    expect((await readAll(body)).equals(bytes(11, 'y'))).toBe(true);
    await Promise.all([...held, body].map(each => each.dispose()));
    expectNothingLeft(setup);
  });

  it('goes to disk entirely when nothing may stay in memory', async () => {
    const given = setUpBody();
    const limits = { ...given.context.limits, memoryLimitBytes: 0 };
    const setup = { ...given, context: { ...given.context, limits } };
    const body = await openUploadBody(piecesOf(bytes(1)), setup.context);
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
    const body = await openUploadBody(reusing(), setup.context);
    expect((await readAll(body)).equals(expected)).toBe(true);
    await body.dispose();
  });

  it('shows its first 4100 bytes as soon as they are there, and only once', async () => {
    const inspectHead = jest.fn<OpenBodyContext['inspectHead']>(() => Promise.resolve());
    const setup = setUpBody({ inspectHead });
    let seenAtSecond = -1;
    async function* source(): AsyncGenerator<Uint8Array> {
      yield bytes(4_099, 'a');
      yield bytes(2, 'b');
      seenAtSecond = inspectHead.mock.calls.length;
      yield bytes(10, 'c');
    }
    const body = await openUploadBody(source(), setup.context);
    await body.dispose();
    expect(seenAtSecond).toBe(1);
    expect(inspectHead).toHaveBeenCalledTimes(1);
    expect(inspectHead.mock.calls.map(([head]) => Buffer.from(head).toString())).toEqual([
      `${'a'.repeat(4_099)}b`,
    ]);
  });

  it('shows an empty head when it is empty', async () => {
    const inspectHead = jest.fn<OpenBodyContext['inspectHead']>(() => Promise.resolve());
    await openUploadBody(piecesOf(), setUpBody({ inspectHead }).context);
    expect(inspectHead.mock.calls.map(([head]) => head.byteLength)).toEqual([0]);
  });
});

describe('a body that is given up', () => {
  it('is refused by its head before anything of the deciding piece is on disk', async () => {
    const refusal = new Error('refused');
    const given = setUpBody({ inspectHead: () => Promise.reject(refusal) });
    const returned = jest.fn();
    async function* source(): AsyncGenerator<Uint8Array> {
      try {
        yield bytes(5_000);
        yield bytes(5_000);
      } finally {
        returned();
      }
    }
    await expect(openUploadBody(source(), given.context)).rejects.toBe(refusal);
    expect(returned).toHaveBeenCalledTimes(1);
    expectNothingLeft(given);
  });

  it('is refused at its end when it is shorter than a head', async () => {
    const refusal = new Error('refused');
    const setup = setUpBody({ inspectHead: () => Promise.reject(refusal) });
    await expect(openUploadBody(piecesOf(bytes(300)), setup.context)).rejects.toBe(refusal);
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
    await expect(openUploadBody(source(), setup.context)).rejects.toMatchObject({
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
    await expect(openUploadBody(source(), setup.context)).rejects.toThrow('gave up');
    expectNothingLeft(setup);
  });
});

describe('a spool that fails', () => {
  it('for want of its folder says so', async () => {
    const setup = setUpBody();
    rmSync(setup.folder, { recursive: true });
    const error = openUploadBody(piecesOf(bytes(101)), setup.context);
    await expect(error).rejects.toMatchObject({
      code: 'WX_CLOUD_SPOOL_FAILED',
      cause: { code: 'ENOENT' },
    });
    expect(setup.free()).toBe(250);
  });

  it('for want of room on the disk says so, and leaves nothing', async () => {
    const setup = setUpBody();
    await failFileHandles('writev', 'ENOSPC');
    await expect(
      openUploadBody(piecesOf(bytes(90), bytes(90)), setup.context),
    ).rejects.toMatchObject({ code: 'WX_CLOUD_SPOOL_FAILED', cause: { code: 'ENOSPC' } });
    expectNothingLeft(setup);
  });

  it('when it is read back says so, and leaves nothing', async () => {
    const setup = setUpBody();
    const body = await openUploadBody(piecesOf(bytes(500)), setup.context);
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
    const body = await openUploadBody(piecesOf(bytes(500)), setup.context);
    await expect(body.dispose()).resolves.toBeUndefined();
    expect(warn.mock.calls).toEqual([['A temporary file could not be removed: EIO: close']]);
    expectNothingLeft(setup);
  });

  it('when it is read after its end says so', async () => {
    const setup = setUpBody();
    const body = await openUploadBody(piecesOf(bytes(500)), setup.context);
    await body.dispose();
    await expect(readAll(body)).rejects.toMatchObject({ code: 'WX_CLOUD_SPOOL_FAILED' });
  });
});

describe('MemoryBudget', () => {
  it('gives what is left and nothing more', () => {
    const budget = new MemoryBudget(10, { usedBytes: 0 });
    expect([10, 1, 0].map(part => budget.reserve(part))).toEqual([true, false, true]);
    budget.release(4);
    expect([5, 4, 1].map(part => budget.reserve(part))).toEqual([false, true, false]);
  });

  it('of zero gives nothing', () => {
    expect(new MemoryBudget(0, { usedBytes: 0 }).reserve(1)).toBe(false);
  });

  it('counts what all instances of the process hold', () => {
    const [small, large] = [new MemoryBudget(10), new MemoryBudget(20)];
    expect([large.reserve(11), small.reserve(1), large.reserve(9)]).toEqual([true, false, true]);
    large.release(20);
    expect(small.reserve(10)).toBe(true);
    small.release(10);
  });
});

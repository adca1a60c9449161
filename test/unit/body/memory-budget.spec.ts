import { describe, expect, it, jest } from '@jest/globals';
import {
  MemoryBudget,
  MemoryShare,
  PassingMemory,
  startMemoryUse,
} from '../../../lib/body/memory-budget.js';

const makeBudget = (limitBytes: number): MemoryBudget =>
  new MemoryBudget(limitBytes, startMemoryUse());

const holderOf = (heldBytes: number) => ({ heldBytes, moveToDisk: jest.fn() });

describe('MemoryBudget', () => {
  it('gives seven eighths to content that could be on disk, and all to content that could not', () => {
    const budget = makeBudget(80);
    expect([70, 1, 0].map(part => budget.reserve(part))).toEqual([true, false, true]);
    expect([10, 1].map(part => budget.reserveFirmly(part))).toEqual([true, false]);
    budget.release(15);
    expect([6, 5].map(part => budget.reserve(part))).toEqual([false, true]);
  });

  it('grants nothing with a size of zero', () => {
    const budget = makeBudget(0);
    expect([budget.reserve(1), budget.reserveFirmly(1)]).toEqual([false, false]);
  });

  it('counts what all instances of the process hold', () => {
    const [small, large] = [new MemoryBudget(80), new MemoryBudget(160)];
    expect([large.reserve(71), small.reserve(1), large.reserve(69)]).toEqual([true, false, true]);
    large.release(140);
    expect(small.reserve(70)).toBe(true);
    small.release(70);
  });

  it('asks the oldest holders to move to disk when it is used up, each once', async () => {
    const budget = makeBudget(80);
    const holders = [7, 7, 7].map(holderOf);
    for (const holder of holders) budget.addMovable(holder);
    budget.reserve(70);
    expect(budget.reserve(9)).toBe(false);
    expect(holders[0]?.moveToDisk).not.toHaveBeenCalled();
    await Promise.resolve();
    for (const holder of holders) budget.addMovable(holder);
    const calls = (): number[] => holders.map(({ moveToDisk }) => moveToDisk.mock.calls.length);
    expect(calls()).toEqual([1, 1, 0]);
    budget.reserve(1);
    await Promise.resolve();
    expect(calls()).toEqual([1, 1, 1]);
  });

  it('gives the freed room to content that cannot move to disk', async () => {
    const budget = makeBudget(80);
    const holder = holderOf(20);
    budget.count(80);
    expect(budget.reserveFirmly(10)).toBe(false);
    budget.addMovable(holder);
    expect([budget.reserveFirmly(10), budget.reserveFirmly(11)]).toEqual([true, false]);
    await Promise.resolve();
    expect(holder.moveToDisk).toHaveBeenCalledTimes(1);
  });

  it.each([
    ['nothing is held', 0, 0, true],
    ['as much as files may have is held', 560, 0, true],
    ['more is held by what cannot go to disk', 610, 0, false],
    ['all is held by what can go to disk', 640, 640, true],
    ['all is held, and little of it can go to disk', 640, 30, false],
    ['all is held, and enough of it can go to disk', 640, 40, true],
  ])('admits or refuses a form when %s', (_, heldBytes, movableBytes, expected) => {
    const budget = makeBudget(640);
    budget.count(heldBytes);
    budget.addMovable(holderOf(movableBytes));
    expect(budget.hasRoomForForm()).toBe(expected);
  });

  it.each([
    ['nothing', 0, true],
    ['one byte', 1, false],
  ])('admits or refuses a form with a size of zero while %s is held', (_, heldBytes, expected) => {
    const budget = makeBudget(0);
    budget.count(heldBytes);
    expect(budget.hasRoomForForm()).toBe(expected);
  });
});

describe('MemoryShare', () => {
  it('releases exactly what it holds', () => {
    const use = startMemoryUse();
    const budget = new MemoryBudget(80, use);
    const [share, other] = [new MemoryShare(budget), new MemoryShare(budget)];
    other.count(5);
    expect([share.reserve(60), share.reserve(60), share.reserveFirmly(10)]).toEqual([
      true,
      false,
      true,
    ]);
    share.count(20);
    share.release(30);
    expect([share.heldBytes, use.usedBytes]).toEqual([60, 65]);
    share.release();
    share.release(7);
    expect([share.heldBytes, use.usedBytes]).toEqual([0, 5]);
  });
});

describe('PassingMemory', () => {
  it('never makes a form wait, however large the chunk', () => {
    const use = startMemoryUse();
    const budget = new MemoryBudget(80, use);
    const memory = new PassingMemory(budget);
    memory.count(1_000);
    expect([use.usedBytes, budget.hasRoomForForm(), budget.reserve(1)]).toEqual([
      1_000,
      true,
      false,
    ]);
    memory.release(400);
    expect([memory.heldBytes, use.moving.size]).toEqual([600, 1]);
    memory.release();
    expect([use.usedBytes, use.moving.size]).toEqual([0, 0]);
  });
});

import { describe, expect, it, jest } from '@jest/globals';
import { afterThisTest } from '../../support/after-test.js';
import { SendAheadSlots } from '../../../lib/storage/send-ahead-slots.js';

describe('SendAheadSlots', () => {
  it.each([
    [1, 0],
    [2, 1],
    [3, 1],
    [8, 4],
    [256, 128],
  ])('of %d connections gives %d at once', (maxConnections, expected) => {
    const slots = new SendAheadSlots(maxConnections);
    const taken = Array.from({ length: 300 }, () => slots.tryTake());
    expect(taken.filter(release => release !== undefined)).toHaveLength(expected);
  });

  it('gives a slot again once it was released', () => {
    const slots = new SendAheadSlots(2);
    const release = slots.tryTake();
    release?.();
    release?.();
    expect(slots.tryTake()).toBeDefined();
    expect(slots.tryTake()).toBeUndefined();
  });

  it('ends the upload that has waited longest for its client', () => {
    const slots = new SendAheadSlots(8);
    const uploads = [0, 500, 900, 700].map(waitedMs => ({ waitedMs, abandon: jest.fn() }));
    const removals = uploads.map(upload => slots.add(upload));
    slots.freeOne();
    expect(uploads.map(({ abandon }) => abandon.mock.calls.length)).toEqual([0, 0, 1, 0]);
    for (const remove of removals) remove();
    slots.freeOne();
    expect(uploads.map(({ abandon }) => abandon.mock.calls.length)).toEqual([0, 0, 1, 0]);
  });

  it('looks again a quarter of a second later, once, while there are uploads', () => {
    jest.useFakeTimers();
    afterThisTest(() => jest.useRealTimers());
    const slots = new SendAheadSlots(8);
    const upload = { waitedMs: 10, abandon: jest.fn() };
    const remove = slots.add(upload);
    slots.freeOne();
    slots.freeOne();
    expect([upload.abandon.mock.calls.length, jest.getTimerCount()]).toEqual([0, 1]);
    upload.waitedMs = 260;
    jest.advanceTimersByTime(250);
    expect([upload.abandon.mock.calls.length, jest.getTimerCount()]).toEqual([1, 0]);

    upload.waitedMs = 10;
    slots.freeOne();
    remove();
    expect(jest.getTimerCount()).toBe(0);
  });

  it('counts for all instances that share connections', () => {
    const all = new SendAheadSlots(6);
    const [one, other] = [new SendAheadSlots(4, all), new SendAheadSlots(4, all)];
    const releases = [one.tryTake(), one.tryTake(), one.tryTake()];
    expect(releases.map(release => release !== undefined)).toEqual([true, true, false]);
    expect([other.tryTake(), other.tryTake()].map(release => release !== undefined)).toEqual([
      true,
      false,
    ]);
    releases[0]?.();
    releases[0]?.();
    expect([other.tryTake(), one.tryTake()].map(release => release !== undefined)).toEqual([
      true,
      false,
    ]);
  });

  it('ends the upload of any instance when a request waits for a connection of all', () => {
    const all = new SendAheadSlots(8);
    const upload = { waitedMs: 500, abandon: jest.fn() };
    const remove = new SendAheadSlots(8, all).add(upload);
    all.freeOne();
    remove();
    all.freeOne();
    expect(upload.abandon).toHaveBeenCalledTimes(1);
  });
});

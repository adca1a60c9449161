import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import {
  type ConnectionLane,
  ConnectionSlots,
  SharedSlots,
} from '../../../lib/transport/connections.js';
import { NEVER } from '../support/server.js';

const LANES = ['api', 'upload', 'download'] as const;

/** Lets everything go on that waits for a promise. */
const settle = (): Promise<void> => new Promise(resolve => setImmediate(resolve));

function takeAll(slots: Pick<ConnectionSlots, 'tryTake'>, lane: ConnectionLane): number {
  let count = 0;
  while (slots.tryTake(lane)) count += 1;
  return count;
}

/** Callers that come, go on, and give up. */
class Crowd {
  readonly held: ConnectionLane[] = [];
  readonly #slots: ConnectionSlots;
  readonly #waiting = new Set<AbortController>();
  readonly #all: Promise<unknown>[] = [];

  constructor(slots: ConnectionSlots) {
    this.#slots = slots;
  }

  async take(lane: ConnectionLane): Promise<void> {
    const caller = new AbortController();
    this.#waiting.add(caller);
    const taken = this.#slots.take(lane, caller.signal).then(
      () => this.held.push(lane),
      () => undefined,
    );
    this.#all.push(taken.finally(() => this.#waiting.delete(caller)));
    await settle();
  }

  async release(): Promise<void> {
    for (const lane of this.held.splice(0, 1)) this.#slots.release(lane);
    await settle();
  }

  async abort(): Promise<void> {
    const [caller] = this.#waiting;
    caller?.abort(new Error('left'));
    await settle();
  }

  /** Everybody is served, and goes. */
  async endAll(): Promise<void> {
    while (this.held.length > 0) await this.release();
    await Promise.all(this.#all);
  }
}

describe('ConnectionSlots', () => {
  it.each([
    [1, 1],
    [2, 1],
    [3, 1],
    [4, 2],
    [16, 12],
    [256, 192],
  ])('with %d slots gives one lane %d and keeps the rest for the others', (max, expected) => {
    const slots = new ConnectionSlots(max);
    const uploads = takeAll(slots, 'upload');
    expect(uploads).toBe(expected);
    const others = takeAll(slots, 'api') + takeAll(slots, 'download');
    expect(uploads + others).toBe(max);
  });

  it.each(LANES)('keeps an eighth for %s while the others want all', lane => {
    const slots = new ConnectionSlots(64);
    LANES.filter(other => other !== lane).forEach(other => takeAll(slots, other));
    expect(takeAll(slots, lane)).toBe(8);
  });

  it('serves in order of arrival', async () => {
    const slots = new ConnectionSlots(1);
    const served: string[] = [];
    slots.tryTake('upload');
    for (const name of ['upload', 'api', 'download', 'upload'] as const) {
      void slots.take(name, NEVER).then(() => served.push(name));
    }
    for (const name of ['upload', 'upload', 'api', 'download'] as const) {
      slots.release(name);
      await settle();
    }
    expect(served).toEqual(['upload', 'api', 'download', 'upload']);
  });

  it('forgets callers that abort', async () => {
    const slots = new ConnectionSlots(1);
    slots.tryTake('api');
    const caller = new AbortController();
    const reason = new Error('left');
    const first = slots.take('api', caller.signal);
    const second = slots.take('api', NEVER);
    caller.abort(reason);
    await expect(first).rejects.toBe(reason);
    slots.release('api');
    await expect(second).resolves.toBeUndefined();
    slots.release('api');
    expect(takeAll(slots, 'api')).toBe(1);
  });

  it('never exceeds its slots, serves every caller, and has all slots back in the end', async () => {
    const step = fc.record({
      lane: fc.constantFrom(...LANES),
      act: fc.constantFrom('take', 'take', 'release', 'abort'),
    });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 20 }), fc.array(step), async (max, steps) => {
        const slots = new ConnectionSlots(max);
        const crowd = new Crowd(slots);
        for (const { lane, act } of steps) {
          await crowd[act](lane);
          expect(crowd.held.length).toBeLessThanOrEqual(max);
        }
        await crowd.endAll();
        const fresh = new ConnectionSlots(max);
        expect(takeAll(slots, 'api')).toBe(takeAll(fresh, 'api'));
      }),
    );
  });
});

describe('SharedSlots', () => {
  it('gives an instance no more than it may have, and all together no more than there are', () => {
    const all = new ConnectionSlots(16);
    const one = new SharedSlots(new ConnectionSlots(8), all);
    const other = new SharedSlots(new ConnectionSlots(16), all);
    expect(takeAll(one, 'upload')).toBe(6);
    expect(takeAll(other, 'upload')).toBe(6);
    expect(takeAll(other, 'api') + takeAll(other, 'download')).toBe(4);
  });

  it('serves an instance after one that keeps as many waiting as it may have', async () => {
    const all = new ConnectionSlots(4);
    const [busy, quiet] = [2, 2].map(max => new SharedSlots(new ConnectionSlots(max), all));
    takeAll(new SharedSlots(new ConnectionSlots(4), all), 'upload');
    const served: string[] = [];
    const take = (name: string, slots?: SharedSlots): void =>
      void slots?.take('upload', NEVER).then(() => served.push(name));
    for (let count = 0; count < 5; count += 1) take('busy', busy);
    await settle();
    take('quiet', quiet);
    await settle();
    // One of five waits for all connections: the others wait for one of their own instance.
    for (const expected of [['busy'], ['busy', 'quiet']]) {
      all.release('upload');
      await settle();
      expect(served).toEqual(expected);
    }
  });

  it('keeps no caller waiting who leaves just as it is served', async () => {
    const all = new ConnectionSlots(1);
    const own = new ConnectionSlots(1);
    const slots = new SharedSlots(own, all);
    own.tryTake('upload');
    all.tryTake('upload');
    const caller = new AbortController();
    const reason = new Error('left');
    const taking = slots.take('upload', caller.signal);
    own.release('upload');
    caller.abort(reason);
    await expect(taking).rejects.toBe(reason);
    expect(takeAll(own, 'upload')).toBe(1);
  });

  it('gives back its own connection when its caller leaves while it waits for another', async () => {
    const all = new ConnectionSlots(1);
    const slots = new SharedSlots(new ConnectionSlots(1), all);
    all.tryTake('upload');
    const caller = new AbortController();
    const reason = new Error('left');
    const taking = slots.take('upload', caller.signal);
    await settle();
    caller.abort(reason);
    await expect(taking).rejects.toBe(reason);
    all.release('upload');
    expect(takeAll(slots, 'upload')).toBe(1);
    slots.release('upload');
    expect(takeAll(slots, 'upload')).toBe(1);
  });
});

import { AsyncLocalStorage } from 'node:async_hooks';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { WxCloudStorageError } from '../../../lib/errors/errors.js';
import { PendingLedger } from '../../../lib/pending/pending-ledger.js';
import { ScriptedPendingStore } from '../../support/scripted-pending-store.js';

const MINUTE_MS = 60_000;
const A = 'cloud://env.bucket/a';
const B = 'cloud://env.bucket/b';

/** Answers of the store. */
const hang = (): Promise<never> => new Promise(() => {});
const fail = (): Promise<never> => Promise.reject(new Error('password in a text'));
const works = (): undefined => undefined;

beforeEach(() => {
  // Immediates and microtasks go on, as the ledger gathers by them.
  jest.useFakeTimers({
    doNotFake: [
      'setImmediate',
      'clearImmediate',
      'nextTick',
      'queueMicrotask',
      'performance',
      'hrtime',
    ],
  });
});

afterEach(() => {
  jest.useRealTimers();
});

function makeLedger(
  answer: ScriptedPendingStore['answer'] = works,
  mostTasks?: number,
  store = new ScriptedPendingStore(),
) {
  store.answer = answer;
  const lines: string[] = [];
  const logger = {
    log: (text: string) => void lines.push(`log: ${text}`),
    warn: (text: string) => void lines.push(`warn: ${text}`),
  };
  const changes: (readonly [upload: object, isPending: boolean])[] = [];
  const onChange = (...change: (typeof changes)[number]): void => void changes.push(change);
  const nowMs = (): number => Date.now();
  const ledger = new PendingLedger({ store, logger, nowMs, onChange, mostTasks });
  return { ledger, store, lines, changes };
}

/** Lets time pass while promises and immediates go on. */
async function pass(ms: number): Promise<void> {
  await turn();
  await jest.advanceTimersByTimeAsync(ms);
  await turn();
}

/** Lets time pass for a chain of calls and pauses. */
async function passInSteps(ms: number): Promise<void> {
  for (let step = 0; step < 100; step += 1) await pass(ms / 100);
}

/** Waits for everything that needs no timer. */
async function turn(): Promise<void> {
  for (let round = 0; round < 3; round += 1) await new Promise(setImmediate);
}

/** Time that passes until something resolves, in milliseconds of the fake clock. */
async function timeUntil(work: Promise<unknown>): Promise<number> {
  const startedAtMs = Date.now();
  const ended = work.then(() => Date.now() - startedAtMs);
  await pass(MINUTE_MS);
  return ended;
}

describe('record', () => {
  it('adds an upload that is due after 15 minutes', async () => {
    const { ledger, store } = makeLedger();
    await ledger.record(A);
    expect(store.added).toEqual([{ fileId: A, reason: 'upload', dueInMs: 15 * MINUTE_MS }]);
  });

  it('gathers concurrent uploads into one call', async () => {
    const { ledger, store } = makeLedger();
    const fileIds = Array.from({ length: 300 }, (_, index) => `${A}${index}`);
    await Promise.all(fileIds.map(fileId => ledger.record(fileId)));
    expect(store.calls).toEqual([['add', fileIds]]);
  });

  it('has at most 500 files in a call', async () => {
    const { ledger, store } = makeLedger();
    const fileIds = Array.from({ length: 1_200 }, (_, index) => `${A}${index}`);
    await Promise.all(fileIds.map(fileId => ledger.record(fileId)));
    expect(store.calls.map(([, ids]) => ids.length)).toEqual([500, 500, 200]);
  });

  it('does not add a file again that was added a moment ago', async () => {
    const { ledger, store } = makeLedger();
    await ledger.record(A);
    await ledger.record(A);
    expect(store.calls).toEqual([['add', [A]]]);
  });

  it('holds an upload up for a second when the store does not answer', async () => {
    const { ledger } = makeLedger(hang);
    await expect(timeUntil(ledger.record(A))).resolves.toBe(1_000);
  });

  it.each([
    ['rejects', fail],
    [
      'throws',
      () => {
        throw new Error('thrown');
      },
    ],
    ['returns something else', () => 1],
    ['returns a list of something else', async () => [1]],
  ])('goes on at once when the store %s', async (_, answer) => {
    const { ledger } = makeLedger(answer);
    await expect(timeUntil(ledger.record(A))).resolves.toBe(0);
  });

  it('holds nothing up once the store is known to be down', async () => {
    const { ledger } = makeLedger(hang);
    await timeUntil(ledger.record(A));
    await expect(timeUntil(ledger.record(B))).resolves.toBe(0);
  });

  it('adds what was missed once the store is back', async () => {
    const { ledger, store } = makeLedger(fail);
    await ledger.record(A);
    await ledger.record(B);
    store.answer = works;
    await pass(1_000);
    expect(store.callsOf('add').slice(-2)).toEqual([[B], [A]]);
  });

  it('tries a store that is down at growing intervals of 30 seconds at most', async () => {
    const { ledger, store } = makeLedger();
    const times: number[] = [];
    store.answer = () => {
      times.push(Date.now());
      return fail();
    };
    await ledger.record(A);
    await pass(3 * MINUTE_MS);
    const intervals = times.slice(1).map((time, index) => time - Number(times[index]));
    expect(intervals.slice(0, 8)).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000]);
    expect(new Set(intervals.slice(8))).toEqual(new Set([30_000]));
  });

  it('renews a file that is older than 5 minutes, until it is settled', async () => {
    const { ledger, store } = makeLedger();
    await ledger.record(A);
    await pass(4 * MINUTE_MS);
    expect(store.callsOf('add')).toHaveLength(1);
    await pass(2 * MINUTE_MS);
    expect(store.callsOf('add')).toHaveLength(2);
    await ledger.settle([A]);
    await pass(20 * MINUTE_MS);
    expect(store.callsOf('add')).toHaveLength(2);
  });

  it('leaves no timer behind', async () => {
    const { ledger } = makeLedger();
    await ledger.record(A);
    await ledger.settle([A]);
    await pass(2 * MINUTE_MS);
    expect(jest.getTimerCount()).toBe(0);
  });
});

describe('settle', () => {
  it('settles a file, which may be promised then', async () => {
    const { ledger, store } = makeLedger();
    await ledger.record(A);
    await expect(ledger.settle([A])).resolves.toEqual([]);
    expect(store.callsOf('settle')).toEqual([[A]]);
  });

  it('settles all files of a request in one call', async () => {
    const { ledger, store } = makeLedger();
    await Promise.all([ledger.record(A), ledger.record(B)]);
    await ledger.settle([A, B]);
    expect(store.callsOf('settle')).toEqual([[A, B]]);
  });

  it('settles a file of another process', async () => {
    const { ledger, store } = makeLedger();
    await expect(ledger.settle([A])).resolves.toEqual([]);
    expect(store.calls).toEqual([['settle', [A]]]);
  });

  it('names files that a sweep holds', async () => {
    const { ledger, store } = makeLedger();
    await Promise.all([ledger.record(A), ledger.record(B)]);
    store.answer = async () => [B];
    await expect(ledger.settle([A, B])).resolves.toEqual([B]);
  });

  it('names files that a sweep held when they were renewed', async () => {
    const { ledger, store } = makeLedger();
    await ledger.record(A);
    store.answer = async () => [A];
    await pass(6 * MINUTE_MS);
    store.answer = works;
    await expect(ledger.settle([A])).resolves.toEqual([A]);
  });

  it('names files whose time was over when the process was suspended', async () => {
    const { ledger } = makeLedger();
    await ledger.record(A);
    jest.setSystemTime(Date.now() + 15 * MINUTE_MS);
    await expect(ledger.settle([A])).resolves.toEqual([A]);
  });

  it('names files that were renewed after their time was over', async () => {
    const { ledger, store } = makeLedger();
    await ledger.record(A);
    jest.setSystemTime(Date.now() + 20 * MINUTE_MS);
    await pass(2 * MINUTE_MS);
    await ledger.record(A);
    expect(store.callsOf('settle')).toEqual([]);
    await expect(ledger.settle([A])).resolves.toEqual([A]);
  });

  it('names files that could not be renewed in time', async () => {
    const { ledger, store } = makeLedger();
    await ledger.record(A);
    store.answer = fail;
    await pass(15 * MINUTE_MS);
    const settling = ledger.settle([A]);
    await pass(1_000);
    await expect(settling).resolves.toEqual([A]);
  });

  it('goes on with a file whose record was never sent', async () => {
    const { ledger } = makeLedger(hang);
    await timeUntil(ledger.record(B));
    await ledger.record(A);
    await expect(timeUntil(ledger.settle([A]))).resolves.toBe(0);
  });

  it('settles a file later that the store may know as an orphan', async () => {
    const { ledger, store } = makeLedger();
    await ledger.orphan([A]);
    store.answer = fail;
    await ledger.record(B);
    await ledger.record(A);
    await ledger.settle([A]);
    store.answer = works;
    await pass(MINUTE_MS);
    expect(store.calls.filter(([, fileIds]) => fileIds.includes(A))).toEqual([
      ['add', [A]],
      ['settle', [A]],
    ]);
  });

  it('waits for what is left of the second when the store is down', async () => {
    const { ledger, store } = makeLedger(
      () => new Promise(resolve => setTimeout(() => resolve(undefined), 400)),
    );
    const recording = ledger.record(A);
    await pass(400);
    await recording;
    store.answer = fail;
    await ledger.record(B);
    await expect(timeUntil(ledger.settle([A]))).resolves.toBe(600);
  });

  it('waits for a second when the store is up, however long the record has taken', async () => {
    const { ledger, store } = makeLedger(
      () => new Promise(resolve => setTimeout(() => resolve(undefined), 1_100)),
    );
    await timeUntil(ledger.record(A));
    store.answer = works;
    await ledger.record(B);
    await pass(MINUTE_MS);
    store.answer = () => new Promise(resolve => setTimeout(() => resolve([A]), 300));
    const settling = ledger.settle([A]);
    await pass(300);
    await expect(settling).resolves.toEqual([A]);
  });

  it('tries a store at once that was down for long', async () => {
    const { ledger, store } = makeLedger();
    await ledger.record(A);
    store.answer = fail;
    await ledger.record(B);
    await pass(10_000);
    store.answer = works;
    await expect(timeUntil(ledger.settle([A]))).resolves.toBe(0);
    expect(store.callsOf('settle')).toEqual([[A]]);
  });

  it('tries a store again after the call that was under way', async () => {
    const { ledger, store } = makeLedger();
    await ledger.record(A);
    store.answer = () => new Promise((_, reject) => setTimeout(reject, 500));
    void ledger.record(B);
    await pass(800);
    // The second try is under way.
    expect(store.callsOf('add')).toEqual([[A], [B], [B]]);
    const settling = ledger.settle([A]);
    store.answer = works;
    await pass(460);
    expect(store.callsOf('settle')).toEqual([[A]]);
    await expect(settling).resolves.toEqual([]);
  });

  it('hears an answer that came in while the event loop was blocked', async () => {
    const { ledger, store, lines } = makeLedger();
    await ledger.record(A);
    store.answer = () => new Promise(resolve => setTimeout(() => resolve([A]), 1_000));
    const settling = ledger.settle([A]);
    await turn();
    // All timers run at once, that of the answer last.
    jest.advanceTimersByTime(1_500);
    await expect(settling).resolves.toEqual([A]);
    expect(lines).toEqual([]);
  });

  it('waits for a store that is back within the second', async () => {
    const { ledger, store } = makeLedger();
    await ledger.record(A);
    store.answer = fail;
    const settling = ledger.settle([A]);
    await pass(100);
    store.answer = works;
    await expect(timeUntil(settling)).resolves.toBe(150);
    expect(store.callsOf('settle')).toEqual([[A], [A]]);
  });

  it('settles later what could not be settled', async () => {
    const { ledger, store } = makeLedger();
    await ledger.record(A);
    store.answer = fail;
    await timeUntil(ledger.settle([A]));
    store.answer = works;
    await pass(MINUTE_MS);
    expect(store.calls.at(-1)).toEqual(['settle', [A]]);
  });

  it('keeps a bounded number of files for later, the newest ones', async () => {
    const { ledger, store } = makeLedger(fail, 10);
    await timeUntil(ledger.settle(['first']));
    const fileIds = Array.from({ length: 10 }, (_, index) => `${A}${index}`);
    await timeUntil(ledger.settle(fileIds));
    store.answer = works;
    const before = store.calls.length;
    await pass(MINUTE_MS);
    const told = store.calls.slice(before).flatMap(([, ids]) => ids);
    expect(told.toSorted()).toEqual(fileIds);
  });

  it('keeps settlements rather than records for later', async () => {
    const { ledger, store } = makeLedger(fail, 2);
    await timeUntil(ledger.settle([A]));
    await ledger.record(B);
    await ledger.record(`${B}2`);
    store.answer = works;
    const before = store.calls.length;
    await pass(MINUTE_MS);
    expect(store.calls.slice(before).toSorted()).toEqual([
      ['add', [`${B}2`]],
      ['settle', [A]],
    ]);
  });

  it('settles a file again whose record came late', async () => {
    const { ledger, store } = makeLedger();
    let comeLate = (): void => {};
    store.answer = () => {
      store.answer = fail;
      return new Promise(resolve => (comeLate = () => resolve(undefined)));
    };
    await timeUntil(ledger.record(A));
    store.answer = works;
    await ledger.settle([A]);
    await pass(30_000);
    const before = store.callsOf('settle').length;
    comeLate();
    await pass(500);
    expect(store.callsOf('settle').slice(before)).toEqual([[A]]);
  });

  it('settles a file once more whose record may come late', async () => {
    const { ledger, store } = makeLedger(fail);
    await ledger.record(A);
    store.answer = works;
    await ledger.settle([A]);
    await pass(1_000);
    expect(store.callsOf('settle')).toHaveLength(1);
    await pass(3 * MINUTE_MS);
    expect(store.callsOf('settle')).toEqual([[A], [A]]);
  });

  it('never sends a record behind the settlement of the same file', async () => {
    const { ledger, store } = makeLedger();
    await ledger.record(A);
    await pass(4 * MINUTE_MS);
    store.answer = () => new Promise(resolve => setTimeout(() => resolve(undefined), 300));
    // The renewal is under way.
    await pass(MINUTE_MS);
    const settling = ledger.settle([A]);
    await pass(2_000);
    await expect(settling).resolves.toEqual([]);
    expect(store.calls.map(([method]) => method)).toEqual(['add', 'add', 'settle']);
  });
});

describe('recordForm', () => {
  it('adds a form with its own time, and does not renew it', async () => {
    const { ledger, store } = makeLedger();
    await ledger.recordForm(A, 1_800_000);
    await pass(20 * MINUTE_MS);
    expect(store.added).toEqual([{ fileId: A, reason: 'form', dueInMs: 1_800_000 }]);
  });

  it('does not bring back a form that was settled meanwhile', async () => {
    const { ledger, store } = makeLedger();
    let comeLate = (): void => {};
    store.answer = () => {
      store.answer = fail;
      return new Promise(resolve => (comeLate = () => resolve(undefined)));
    };
    await timeUntil(ledger.recordForm(A, 1_800_000));
    store.answer = works;
    await ledger.settle([A]);
    await pass(30_000);
    const before = store.callsOf('settle').length;
    comeLate();
    await pass(500);
    expect(store.callsOf('settle').slice(before)).toEqual([[A]]);
  });

  it('is settled once more when its record may come late', async () => {
    const { ledger, store } = makeLedger(fail);
    await ledger.recordForm(A, 1_800_000);
    store.answer = works;
    await ledger.settle([A]);
    await pass(3 * MINUTE_MS);
    expect(store.callsOf('settle')).toEqual([[A], [A]]);
    expect(jest.getTimerCount()).toBe(0);
  });
});

describe('orphan', () => {
  it('adds a file that is due after a minute, and waits for the store', async () => {
    const { ledger, store } = makeLedger();
    await ledger.record(A);
    await ledger.settle([A]);
    await ledger.orphan([A]);
    expect(store.added.at(-1)).toEqual({ fileId: A, reason: 'orphan', dueInMs: MINUTE_MS });
    await pass(20 * MINUTE_MS);
    expect(store.callsOf('add')).toHaveLength(2);
  });

  it('stays an orphan when the record of the upload comes late', async () => {
    const { ledger, store } = makeLedger();
    let comeLate = (): void => {};
    store.answer = () => {
      store.answer = works;
      return new Promise(resolve => (comeLate = () => resolve(undefined)));
    };
    await timeUntil(ledger.record(A));
    await ledger.orphan([A]);
    await pass(1_000);
    const before = store.added.length;
    comeLate();
    await pass(500);
    expect(store.added.slice(before)).toEqual([
      { fileId: A, reason: 'orphan', dueInMs: MINUTE_MS },
    ]);
  });

  it('holds nothing up for longer than a second', async () => {
    const { ledger } = makeLedger(hang);
    await expect(timeUntil(ledger.orphan([A]))).resolves.toBe(1_000);
  });
});

describe('forget', () => {
  it('settles in the background', async () => {
    const { ledger, store } = makeLedger();
    await ledger.record(A);
    void ledger.forget([A, B]);
    await pass(0);
    expect(store.callsOf('settle')).toEqual([[A, B]]);
  });
});

describe('a file that a late request may store', () => {
  async function expectLate(): Promise<ReturnType<typeof makeLedger>> {
    const made = makeLedger();
    await made.ledger.record(A);
    made.ledger.expectLate(A);
    return made;
  }

  it('is left to a sweep once it is forgotten, and only that one', async () => {
    const { ledger, store } = await expectLate();
    await ledger.forget([A, B]);
    await pass(0);
    expect(store.callsOf('add').at(-1)).toEqual([A]);
    expect(store.callsOf('settle')).toEqual([[B]]);
  });

  it('is left to a sweep once the application has deleted it', async () => {
    const { ledger, store } = await expectLate();
    await ledger.settle([A]);
    await ledger.noteDeleted([A, B]);
    expect(store.calls.slice(1)).toEqual([
      ['settle', [A]],
      ['add', [A]],
    ]);
  });

  it('is recorded once', async () => {
    const { ledger, store } = await expectLate();
    await ledger.noteDeleted([A]);
    await ledger.noteDeleted([A]);
    expect(store.callsOf('add')).toHaveLength(2);
  });

  it('is none any more after ten minutes', async () => {
    const { ledger, store } = await expectLate();
    await ledger.settle([A]);
    await pass(600_000);
    await ledger.noteDeleted([A]);
    expect(store.callsOf('add')).toHaveLength(1);
  });
});

describe('close', () => {
  it('tells a store that is back what could not be settled', async () => {
    const { ledger, store } = makeLedger();
    await ledger.record(A);
    store.answer = fail;
    await timeUntil(ledger.settle([A]));
    store.answer = works;
    await ledger.close();
    expect(store.calls.at(-1)).toEqual(['settle', [A]]);
  });

  it('repeats a settlement that fails meanwhile', async () => {
    const { ledger, store } = makeLedger();
    await ledger.record(A);
    store.answer = () => new Promise((_, reject) => setTimeout(reject, 500));
    void ledger.settle([A]);
    await turn();
    store.answer = works;
    const closing = ledger.close();
    await pass(500);
    await closing;
    expect(store.callsOf('settle')).toEqual([[A], [A]]);
  });

  it('has few calls after a store was down for long', async () => {
    const { ledger, store } = makeLedger(fail);
    void ledger.settle(Array.from({ length: 5_000 }, (_, index) => `${A}${index}`));
    await passInSteps(20 * MINUTE_MS);
    store.answer = works;
    const before = store.calls.length;
    await ledger.close();
    expect(store.calls.slice(before).flatMap(([, ids]) => ids)).toHaveLength(5_000);
    expect(store.calls.length - before).toBeLessThan(25);
  });

  it('is followed by settlements that are sent at once', async () => {
    const { ledger, store } = makeLedger();
    await ledger.record(A);
    await ledger.close();
    store.answer = async () => [A];
    const settling = ledger.settle([A]);
    await pass(1_000);
    await expect(settling).resolves.toEqual([A]);
  });

  it('waits for a store that does not answer for two seconds at most, and stops', async () => {
    const { ledger, store } = makeLedger(hang);
    void ledger.record(A);
    void ledger.settle([B]);
    await pass(0);
    await expect(timeUntil(ledger.close())).resolves.toBeLessThanOrEqual(2_000);
    const before = store.calls.length;
    await pass(30 * MINUTE_MS);
    expect(store.calls).toHaveLength(before);
    expect(jest.getTimerCount()).toBe(0);
  });
});

describe('a store that refuses one file', () => {
  const REFUSED = 'cloud://env.bucket/refused';
  const OTHERS = Array.from({ length: 300 }, (_, index) => `${A}${index}`);

  /** A ledger whose store fails for every call with the file, and what it has taken otherwise. */
  function makePickyLedger() {
    const taken: (readonly [method: string, fileId: string])[] = [];
    const made = makeLedger((method, fileIds) => {
      const isRefused = fileIds.includes(REFUSED);
      const accepted = fileIds.filter(() => !isRefused);
      taken.push(...accepted.map(fileId => [method, fileId] as const));
      return { true: fail, false: works }[`${isRefused}`]();
    });
    return { ...made, taken };
  }

  it('adds the files that were added together with it', async () => {
    const { ledger, taken } = makePickyLedger();
    const files = OTHERS.toSpliced(100, 0, REFUSED);
    await Promise.all(files.map(fileId => ledger.record(fileId)));
    await passInSteps(10_000);
    expect(taken.toSorted()).toEqual(OTHERS.map(fileId => ['add', fileId]).toSorted());
  });

  it('adds later files in calls of their own', async () => {
    const { ledger, taken } = makePickyLedger();
    await ledger.record(REFUSED);
    await ledger.record(A);
    await passInSteps(1_000);
    expect(taken).toEqual([['add', A]]);
  });

  it('tries the file once a minute after three refusals beside successes', async () => {
    const { ledger, store, lines } = makePickyLedger();
    await ledger.record(REFUSED);
    for (const fileId of OTHERS.slice(0, 5)) {
      await ledger.record(fileId);
      await passInSteps(MINUTE_MS);
    }
    const before = store.calls.length;
    await passInSteps(5 * MINUTE_MS);
    const tries = store.calls.slice(before).filter(([, fileIds]) => fileIds.includes(REFUSED));
    expect(tries).toHaveLength(5);
    const warnings = lines.filter(line => line.includes(`fails for ${REFUSED} alone`));
    expect(warnings.length).toBeLessThanOrEqual(10);
    store.answer = works;
    await passInSteps(MINUTE_MS);
    expect(store.calls).toContainEqual(['add', [REFUSED]]);
  });

  it('waits for the store with later uploads', async () => {
    const { ledger, store } = makePickyLedger();
    void ledger.settle([REFUSED]);
    for (const fileId of OTHERS.slice(0, 5)) {
      await ledger.record(fileId);
      await ledger.settle([fileId]);
      await passInSteps(MINUTE_MS);
    }
    store.answer = (_, fileIds) => ({ true: fail, false: hang })[`${fileIds.includes(REFUSED)}`]();
    await expect(timeUntil(ledger.record(B))).resolves.toBe(1_000);
  });

  it('is told of by a warning and a line a minute at most', async () => {
    const { ledger, lines } = makePickyLedger();
    void ledger.settle([REFUSED]);
    for (const fileId of OTHERS) {
      void ledger.record(fileId);
      void ledger.settle([fileId]);
      await pass(100);
    }
    expect(lines.map(line => line.slice(0, 48))).toEqual([
      'warn: The store of the option pending failed. Up',
      'log: The store of the option pending works again',
      'warn: The store of the option pending works, but',
    ]);
  });

  it('goes on with the file while no other call shows that the store works', async () => {
    const { ledger, store } = makePickyLedger();
    await ledger.record(REFUSED);
    await pass(10 * MINUTE_MS);
    store.answer = works;
    await pass(MINUTE_MS);
    expect(store.calls.at(-1)).toEqual(['add', [REFUSED]]);
    const before = store.calls.length;
    await pass(2 * MINUTE_MS);
    expect(store.calls).toHaveLength(before);
  });

  it('settles the files that were settled together with it, and never gives it up', async () => {
    const { ledger, store, taken } = makePickyLedger();
    void ledger.settle(OTHERS.toSpliced(100, 0, REFUSED));
    await passInSteps(10_000);
    expect(taken.toSorted()).toEqual(OTHERS.map(fileId => ['settle', fileId]).toSorted());
    for (const fileId of OTHERS.slice(0, 5)) {
      await ledger.record(fileId);
      await passInSteps(MINUTE_MS);
    }
    store.answer = works;
    const before = store.calls.length;
    await pass(MINUTE_MS);
    expect(store.calls.slice(before)).toContainEqual(['settle', [REFUSED]]);
  });

  it('tells the store of the others when it closes', async () => {
    const { ledger, taken } = makePickyLedger();
    void ledger.settle(OTHERS.toSpliced(100, 0, REFUSED));
    await ledger.close();
    expect(taken.toSorted()).toEqual(OTHERS.map(fileId => ['settle', fileId]).toSorted());
  });
});

describe('a store that is full', () => {
  it('is told of all files once it has room, though it settled others meanwhile', async () => {
    const { ledger, store } = makeLedger(method => ({ add: fail, settle: works })[method]());
    const fileIds = Array.from({ length: 20 }, (_, index) => `${A}${index}`);
    for (const fileId of fileIds) {
      await ledger.record(fileId);
      await ledger.settle([B]);
      await passInSteps(10_000);
    }
    store.answer = works;
    const before = store.calls.length;
    await passInSteps(2 * MINUTE_MS);
    const added = store.calls.slice(before).filter(([method]) => method === 'add');
    expect(added.flatMap(([, ids]) => ids).toSorted()).toEqual(fileIds.toSorted());
  });
});

describe('the calls of the store', () => {
  it('run in no async context of an upload', async () => {
    const request = new AsyncLocalStorage<string>();
    const contexts: unknown[] = [];
    const { ledger } = makeLedger(() => {
      contexts.push(request.getStore());
      return undefined;
    });
    await request.run('first', () => ledger.record(A));
    await request.run('second', () => ledger.settle([B]));
    await passInSteps(10 * MINUTE_MS);
    expect(contexts.length).toBeGreaterThan(3);
    expect(new Set(contexts)).toEqual(new Set([undefined]));
  });
});

describe('done', () => {
  it('does not count against the store when it fails', async () => {
    const { ledger, store, lines } = makeLedger(hang);
    store.done = fail;
    await ledger.done([A], 'owner');
    expect(lines).toHaveLength(1);
    await expect(timeUntil(ledger.record(A))).resolves.toBe(1_000);
  });
});

describe('the log', () => {
  it('has a warning a minute while the store fails, and a line when it works again', async () => {
    const { ledger, store, lines } = makeLedger(fail);
    await ledger.record(A);
    await pass(2.5 * MINUTE_MS);
    store.answer = works;
    await pass(MINUTE_MS);
    expect(lines.map(line => line.slice(0, 60))).toEqual([
      'warn: The store of the option pending failed. Uploads go on,',
      'warn: The store of the option pending failed. Uploads go on,',
      'warn: The store of the option pending failed. Uploads go on,',
      'log: The store of the option pending works again.',
    ]);
  });

  it('has one warning and one line for all instances that use the store', async () => {
    const { store, ledger, lines } = makeLedger(fail);
    const others = Array.from({ length: 9 }, () => makeLedger(fail, undefined, store));
    const all = [{ ledger, lines }, ...others];
    for (const each of all) await each.ledger.record(A);
    store.answer = works;
    await pass(MINUTE_MS);
    expect(all.flatMap(each => each.lines).map(line => line.slice(0, 60))).toEqual([
      'warn: The store of the option pending failed. Uploads go on,',
      expect.stringContaining('log: The store of the option pending works again.'),
    ]);
  });

  it('has the text of an error of this package, and of no other', async () => {
    const message = 'The key "pending" has another type. Delete it.';
    const { ledger, lines } = makeLedger(async () => {
      throw new WxCloudStorageError({ code: 'WX_CLOUD_ARGUMENT_INVALID', message });
    });
    await ledger.record(A);
    expect(lines.join()).toContain(`failed: ${message}`);
    const other = makeLedger(fail);
    await other.ledger.record(A);
    expect(other.lines.join()).not.toContain('password');
  });
});

describe('onChange of a PendingLedger', () => {
  it('is told of each upload once, whatever becomes of it', async () => {
    const { ledger, changes } = makeLedger();
    await ledger.record(A);
    await ledger.record(A);
    await ledger.record(B);
    expect(changes.map(([, isPending]) => isPending)).toEqual([true, true]);
    const [[a], [b]] = changes as [[object, boolean], [object, boolean]];
    expect(a).not.toBe(b);
    await ledger.settle([A]);
    await ledger.orphan([B]);
    void ledger.forget([A, B]);
    await ledger.recordForm(A, MINUTE_MS);
    expect(changes.slice(2).map(([, isPending]) => isPending)).toEqual([false, false]);
    expect(changes[2]?.[0]).toBe(a);
    expect(changes[3]?.[0]).toBe(b);
  });
});

import { AsyncLocalStorage } from 'node:async_hooks';
import type { LedgerTask } from './ledger-task.js';
import type { StoreCalls } from './store-calls.js';
import { WaitingTasks } from './waiting-tasks.js';

/** Most calls at the same time. */
const MOST_CALLS = 8;
/** Time between two tries for files that the store refuses, in milliseconds. */
const REFUSED_PAUSE_MS = 60_000;
/** Failures after which a queue that closes gives up; more than the search for one file takes. */
const MOST_LAST_FAILURES = 20;
/** Most tasks that wait for the store. One takes about half a KiB. */
const MOST_TASKS = 100_000;

/** A call of the store that was begun. */
interface BegunCall {
  readonly tasks: readonly LedgerTask[];
  readonly sentAtMs: number;
}

/**
 * Tells the store what waits for it. Tasks that arrive together share a call. The tasks of one file
 * follow each other, as two calls may arrive in any order; a task that waits is replaced by the
 * next one for its file. While the store is down, one call at a time tries whether it is back.
 *
 * A file that the store refuses, while it takes others, is tried again once a minute, and does not
 * count against the store. Everything runs in the async context of the queue, not in that of the
 * upload that came first: a call is for the files of many.
 */
export class TaskQueue {
  readonly #calls: StoreCalls;
  readonly #nowMs: () => number;
  readonly #onLate: (task: LedgerTask, sentAtMs: number, isClaimed: boolean) => void;
  readonly #waiting: WaitingTasks;
  readonly #detached = AsyncLocalStorage.snapshot();
  readonly #running = new Set<Promise<unknown>>();
  #immediate: NodeJS.Immediate | undefined;
  #timer: NodeJS.Timeout | undefined;
  #refusedTimer: NodeJS.Timeout | undefined;
  /** True when the next call does not wait for the end of a pause. */
  #isUrgent = false;
  #state: 'closed' | 'closing' | 'open' = 'open';

  /**
   * Sends nothing yet. `onLate` is called for files that the store has added after the time limit
   * of their call, unless the task still waits.
   */
  constructor(
    calls: StoreCalls,
    nowMs: () => number,
    onLate: (task: LedgerTask, sentAtMs: number, isClaimed: boolean) => void,
    mostTasks = MOST_TASKS,
  ) {
    this.#calls = calls;
    this.#nowMs = nowMs;
    this.#onLate = onLate;
    this.#waiting = new WaitingTasks(mostTasks);
  }

  /** True when the store knows everything, but for the files that it refuses. */
  get isEmpty(): boolean {
    return this.#waiting.size <= 0 && this.#running.size === 0;
  }

  /** True when a task waits for a file. */
  has(fileId: string): boolean {
    return this.#waiting.get(fileId) !== undefined;
  }

  /** Adds a task, and returns it or the equal one that waits already. */
  put(task: LedgerTask): LedgerTask {
    const earlier = this.#waiting.get(task.fileId);
    if (earlier?.isAdd === false && !task.isAdd) return earlier;
    earlier?.end();
    this.#waiting.put(task);
    this.#plan();
    return task;
  }

  /**
   * Tries a store that is down without waiting for the end of the pause: after the call that is
   * under way, if there is one.
   */
  tryNow(): void {
    this.#isUrgent = true;
    this.#plan();
  }

  /**
   * Sends once what is left, within `limitMs` milliseconds as a rule. Later tasks are sent once, at
   * once.
   */
  async close(limitMs: number): Promise<void> {
    this.#state = 'closing';
    clearImmediate(this.#immediate);
    this.#immediate = undefined;
    clearTimeout(this.#timer);
    clearTimeout(this.#refusedTimer);
    await Promise.all(this.#running);
    const endsAtMs = this.#nowMs() + limitMs;
    let failures = 0;
    this.#waiting.wakeRefused();
    while (this.#waiting.size > 0 && failures < MOST_LAST_FAILURES && this.#nowMs() < endsAtMs) {
      const hasSucceeded = await this.#run(this.#waiting.take());
      if (!hasSucceeded) failures += 1;
    }
    this.#waiting.clear();
    this.#state = 'closed';
  }

  #plan(): void {
    if (this.#state === 'closing' || this.#immediate !== undefined || this.#waiting.size === 0) {
      return;
    }
    const { isDown, pauseMs } = this.#calls;
    if (this.#running.size >= (isDown ? 1 : MOST_CALLS)) return;
    if (!isDown || this.#isUrgent || this.#state === 'closed') {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      this.#immediate = this.#detached(() =>
        setImmediate(() => {
          this.#immediate = undefined;
          this.#send();
        }),
      );
    } else {
      this.#timer ??= this.#detached(() =>
        setTimeout(() => {
          this.#timer = undefined;
          this.#send();
        }, pauseMs).unref(),
      );
    }
  }

  #send(): void {
    const most = this.#calls.isDown ? 1 : MOST_CALLS;
    this.#isUrgent = false;
    while (this.#running.size < most) {
      const tasks = this.#waiting.take();
      if (tasks.length === 0) return;
      const running = this.#run(tasks).finally(() => {
        this.#running.delete(running);
        this.#plan();
      });
      this.#running.add(running);
    }
  }

  /** Calls the store for tasks. Resolves with false after a failure. */
  async #run(tasks: readonly LedgerTask[]): Promise<boolean> {
    const call: BegunCall = { tasks, sentAtMs: this.#nowMs() };
    for (const { lease } of tasks) lease?.sent(call.sentAtMs);
    const files = tasks.flatMap(({ file }) => file ?? []);
    const isRefused = tasks.some(task => task.isRefused);
    const claimed = await (files.length > 0
      ? this.#calls.add(files, isRefused, late => this.#answerLate(call, late))
      : this.#calls.settle(
          tasks.map(({ fileId }) => fileId),
          isRefused,
        ));
    const nowMs = this.#nowMs();
    this.#waiting.free(tasks, claimed !== undefined);
    for (const task of tasks) {
      if (claimed === undefined) this.#repeat(task, tasks.length === 1);
      else task.succeed(call.sentAtMs, nowMs, claimed.has(task.fileId));
    }
    return claimed !== undefined;
  }

  /** Keeps a task that has failed, unless it is the last try or a newer one waits for its file. */
  #repeat(task: LedgerTask, isAlone: boolean): void {
    task.fail(isAlone ? this.#calls.successesOf(task.isAdd) : undefined);
    if (this.#state === 'closed' || this.#waiting.get(task.fileId) !== undefined) {
      return task.end();
    }
    this.#waiting.put(task);
    if (!task.isRefused || this.#state === 'closing') return;
    this.#calls.warnOfRefusal(task.fileId, this.#waiting.refused);
    this.#refusedTimer ??= this.#detached(() =>
      setTimeout(() => {
        this.#refusedTimer = undefined;
        this.#waiting.wakeRefused();
        this.#plan();
      }, REFUSED_PAUSE_MS).unref(),
    );
  }

  #answerLate({ tasks, sentAtMs }: BegunCall, claimed: ReadonlySet<string>): void {
    for (const task of tasks) {
      const isClaimed = claimed.has(task.fileId);
      if (this.#waiting.get(task.fileId) === task) {
        this.#waiting.delete(task.fileId);
        task.succeed(sentAtMs, this.#nowMs(), isClaimed);
      } else this.#onLate(task, sentAtMs, isClaimed);
    }
  }
}

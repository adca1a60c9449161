import type { LedgerTask } from './ledger-task.js';
import { MOST_REFUSALS, type StoreCalls } from './store-calls.js';

/** Most files in one call. */
const MOST_FILES = 500;
/** Most calls at the same time. */
const MOST_CALLS = 8;
/** Failures after which a queue that closes gives up; more than the search for one file takes. */
const MOST_LAST_FAILURES = 20;
/** Most tasks that wait for the store. One takes about half a KiB. */
const MOST_TASKS = 100_000;

/** Tasks of one kind that may share a call, by file. */
interface Lane {
  readonly isAdd: boolean;
  readonly hasFailed: boolean;
  readonly tasks: Map<string, LedgerTask>;
}

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
 * A store may also refuse one file for good, e.g. one whose ID is too long for its column. So tasks
 * that have failed share no call with others, and are fewer in each next call, until the one file
 * is alone and is given up.
 */
export class TaskQueue {
  readonly #calls: StoreCalls;
  readonly #nowMs: () => number;
  readonly #onLate: (task: LedgerTask, sentAtMs: number, isClaimed: boolean) => void;
  readonly #mostTasks: number;
  /** Tasks that wait, by file: a file is in one lane at most. Those first that go first. */
  readonly #lanes: readonly Lane[] = [
    { isAdd: false, hasFailed: false, tasks: new Map() },
    { isAdd: true, hasFailed: false, tasks: new Map() },
    { isAdd: false, hasFailed: true, tasks: new Map() },
    { isAdd: true, hasFailed: true, tasks: new Map() },
  ];
  /** Most files in the next call for tasks that have failed. */
  #mostFailed = MOST_FILES;
  /** Files of calls that have not ended. */
  readonly #busy = new Set<string>();
  readonly #running = new Set<Promise<unknown>>();
  #immediate: NodeJS.Immediate | undefined;
  #timer: NodeJS.Timeout | undefined;
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
    this.#mostTasks = mostTasks;
  }

  /** True when a task waits for a file. */
  has(fileId: string): boolean {
    return this.#waitingFor(fileId) !== undefined;
  }

  /** Adds a task, and returns it or the equal one that waits already. */
  put(task: LedgerTask): LedgerTask {
    const { fileId } = task;
    const earlier = this.#waitingFor(fileId);
    if (earlier?.isAdd === false && !task.isAdd) return earlier;
    earlier?.end();
    this.#keep(task);
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
    await Promise.all(this.#running);
    const endsAtMs = this.#nowMs() + limitMs;
    let failures = 0;
    while (this.#size > 0 && failures < MOST_LAST_FAILURES && this.#nowMs() < endsAtMs) {
      await this.#run(this.#take());
      if (this.#calls.isDown) failures += 1;
    }
    for (const { tasks } of this.#lanes) {
      for (const task of tasks.values()) task.end();
      tasks.clear();
    }
    this.#state = 'closed';
  }

  #keep(task: LedgerTask): void {
    this.#remove(task.fileId);
    this.#lanes
      .find(({ isAdd, hasFailed }) => isAdd === task.isAdd && hasFailed === task.hasFailed)
      ?.tasks.set(task.fileId, task);
    if (this.#size > this.#mostTasks) this.#dropOldest();
  }

  /** A settled file was promised to somebody, so its task is dropped last. */
  #dropOldest(): void {
    const lane = this.#lanes
      .toReversed()
      .toSorted((a, b) => Number(b.isAdd) - Number(a.isAdd))
      .find(({ tasks }) => tasks.size > 0);
    const [oldest] = lane?.tasks.values() ?? [];
    oldest?.end();
    if (oldest !== undefined) this.#remove(oldest.fileId);
  }

  get #size(): number {
    return this.#lanes.reduce((size, { tasks }) => size + tasks.size, 0);
  }

  #waitingFor(fileId: string): LedgerTask | undefined {
    return this.#lanes.find(({ tasks }) => tasks.has(fileId))?.tasks.get(fileId);
  }

  #remove(fileId: string): void {
    for (const { tasks } of this.#lanes) tasks.delete(fileId);
  }

  #plan(): void {
    if (this.#state === 'closing' || this.#immediate !== undefined || this.#size === 0) return;
    const { isDown, pauseMs } = this.#calls;
    if (this.#running.size >= (isDown ? 1 : MOST_CALLS)) return;
    if (!isDown || this.#isUrgent || this.#state === 'closed') {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      this.#immediate = setImmediate(() => {
        this.#immediate = undefined;
        this.#send();
      });
    } else if (this.#timer === undefined) {
      this.#timer = setTimeout(() => {
        this.#timer = undefined;
        this.#send();
      }, pauseMs).unref();
    }
  }

  #send(): void {
    const most = this.#calls.isDown ? 1 : MOST_CALLS;
    this.#isUrgent = false;
    while (this.#running.size < most) {
      const tasks = this.#take();
      if (tasks.length === 0) return;
      const running = this.#run(tasks).finally(() => {
        this.#running.delete(running);
        this.#plan();
      });
      this.#running.add(running);
    }
  }

  /** Takes waiting tasks of one lane for a call: settlements first, as responses wait for them. */
  #take(): readonly LedgerTask[] {
    for (const lane of this.#lanes) {
      const tasks = this.#takeFrom(lane);
      if (tasks.length > 0) return tasks;
    }
    return [];
  }

  #takeFrom({ hasFailed, tasks: waiting }: Lane): readonly LedgerTask[] {
    const most = hasFailed ? this.#mostFailed : MOST_FILES;
    const tasks: LedgerTask[] = [];
    for (const task of waiting.values()) {
      if (this.#busy.has(task.fileId)) continue;
      tasks.push(task);
      if (tasks.length === most) break;
    }
    for (const { fileId } of tasks) {
      waiting.delete(fileId);
      this.#busy.add(fileId);
    }
    return tasks;
  }

  async #run(tasks: readonly LedgerTask[]): Promise<void> {
    const call: BegunCall = { tasks, sentAtMs: this.#nowMs() };
    for (const { lease } of tasks) lease?.sent(call.sentAtMs);
    const files = tasks.flatMap(({ file }) => file ?? []);
    const claimed = await (files.length > 0
      ? this.#calls.add(files, late => this.#answerLate(call, late))
      : this.#calls.settle(tasks.map(({ fileId }) => fileId)));
    const nowMs = this.#nowMs();
    this.#adjust(tasks, claimed !== undefined);
    for (const task of tasks) {
      this.#busy.delete(task.fileId);
      if (claimed === undefined) this.#repeat(task, tasks.length === 1);
      else task.succeed(call.sentAtMs, nowMs, claimed.has(task.fileId));
    }
  }

  /**
   * Adjusts the size of the calls for tasks that have failed: it is halved by a failure, and grows
   * by one with a success, so that groups without the refused file do not end the search for it.
   */
  #adjust(tasks: readonly LedgerTask[], hasSucceeded: boolean): void {
    if (!hasSucceeded) {
      if (tasks.length > 1) this.#mostFailed = Math.ceil(tasks.length / 2);
    } else if (tasks[0]?.hasFailed === true) {
      this.#mostFailed = Math.min(MOST_FILES, this.#mostFailed + 1);
    }
  }

  /**
   * Keeps a task that has failed, unless it is the last try, a newer one waits for its file, or the
   * store refuses this file only.
   */
  #repeat(task: LedgerTask, isAlone: boolean): void {
    task.fail(isAlone ? this.#calls.successes : undefined);
    const isRefused = task.isAdd && task.refusals >= MOST_REFUSALS;
    if (isRefused) this.#calls.warnOfRefusal(task.fileId);
    if (isRefused || this.#state === 'closed' || this.#waitingFor(task.fileId) !== undefined) {
      task.end();
    } else this.#keep(task);
  }

  #answerLate({ tasks, sentAtMs }: BegunCall, claimed: ReadonlySet<string>): void {
    for (const task of tasks) {
      const isClaimed = claimed.has(task.fileId);
      if (this.#waitingFor(task.fileId) === task) {
        this.#remove(task.fileId);
        task.succeed(sentAtMs, this.#nowMs(), isClaimed);
      } else this.#onLate(task, sentAtMs, isClaimed);
    }
  }
}

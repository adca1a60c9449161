import type { LedgerTask } from './ledger-task.js';

/** Most files in one call. */
const MOST_FILES = 500;
/** Most files that are refused and kept all the same. */
const MOST_REFUSED = 1_000;

/** Tasks that may share a call, by file. */
type TasksByFile = Map<string, LedgerTask>;

/**
 * Tasks that wait for a call, one for a file at most.
 *
 * A store may refuse one file for good, e.g. one whose ID is too long for its column. So tasks that
 * have failed share no call with others, and are fewer in each next call that fails, until the file
 * is alone. Once it is known to be refused, it rests until {@link WaitingTasks.wakeRefused}.
 */
export class WaitingTasks {
  readonly #most: number;
  readonly #settles: TasksByFile = new Map();
  readonly #adds: TasksByFile = new Map();
  readonly #failedSettles: TasksByFile = new Map();
  readonly #failedAdds: TasksByFile = new Map();
  readonly #awake: TasksByFile = new Map();
  readonly #resting: TasksByFile = new Map();
  /** All of them, those first whose oldest task is dropped first: promised files come last. */
  readonly #lanes: readonly TasksByFile[] = [
    this.#awake,
    this.#resting,
    this.#failedAdds,
    this.#adds,
    this.#failedSettles,
    this.#settles,
  ];
  /** Files of calls that have not ended. */
  readonly #busy = new Set<string>();
  /** Most files in the next call for tasks that have failed. */
  #mostFailed = MOST_FILES;
  /** True when settlements that have failed are taken before additions that have failed. */
  #areSettlesFirst = true;

  /** Creates an empty list of `most` tasks at most. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Number of tasks that wait for a call. */
  get size(): number {
    return this.#lanes.reduce((size, lane) => size + lane.size, -this.#resting.size);
  }

  /** Number of tasks that the store refuses. */
  get refused(): number {
    return this.#resting.size + this.#awake.size;
  }

  /** Returns the task that waits for a file. */
  get(fileId: string): LedgerTask | undefined {
    return this.#lanes.find(lane => lane.has(fileId))?.get(fileId);
  }

  /** Adds a task in place of another one for its file. Where there are too many, one is ended. */
  put(task: LedgerTask): void {
    this.delete(task.fileId);
    this.#laneOf(task).set(task.fileId, task);
    if (this.refused > MOST_REFUSED) this.#dropOldestOf([this.#awake, this.#resting]);
    if (this.size + this.#resting.size > this.#most) this.#dropOldestOf(this.#lanes);
  }

  /** Removes the task for a file. */
  delete(fileId: string): void {
    for (const lane of this.#lanes) lane.delete(fileId);
  }

  /** Ends all tasks. */
  clear(): void {
    for (const lane of this.#lanes) {
      for (const task of lane.values()) task.end();
      lane.clear();
    }
  }

  /** Lets tasks for refused files wait for a call again. */
  wakeRefused(): void {
    for (const [fileId, task] of this.#resting) this.#awake.set(fileId, task);
    this.#resting.clear();
  }

  /**
   * Takes tasks for one call: settlements first, as responses wait for them. Their files are busy
   * until {@link WaitingTasks.free}, and are not taken again before.
   */
  take(): readonly LedgerTask[] {
    const fresh = or(this.#takeFrom(this.#settles), () => this.#takeFrom(this.#adds));
    const failed = or(fresh, () => this.#takeFailed());
    return or(failed, () => this.#takeFrom(this.#awake, 1));
  }

  /** Notes that the call for tasks has ended, which decides on the size of the next ones. */
  free(tasks: readonly LedgerTask[], hasSucceeded: boolean): void {
    for (const { fileId } of tasks) this.#busy.delete(fileId);
    if (!hasSucceeded) {
      if (tasks.length > 1) this.#mostFailed = Math.ceil(tasks.length / 2);
    } else if (tasks[0]?.hasFailed === true && !tasks[0].isRefused) {
      this.#mostFailed = Math.min(MOST_FILES, 2 * this.#mostFailed);
    }
  }

  #laneOf({ isAdd, hasFailed, isRefused }: LedgerTask): TasksByFile {
    if (isRefused) return this.#resting;
    if (hasFailed) return isAdd ? this.#failedAdds : this.#failedSettles;
    return isAdd ? this.#adds : this.#settles;
  }

  /** Takes from both lanes in turn, so that a file that fails again and again holds up one. */
  #takeFailed(): readonly LedgerTask[] {
    const [one, other] = this.#areSettlesFirst
      ? [this.#failedSettles, this.#failedAdds]
      : [this.#failedAdds, this.#failedSettles];
    const tasks = or(this.#takeFrom(one, this.#mostFailed), () =>
      this.#takeFrom(other, this.#mostFailed),
    );
    this.#areSettlesFirst = tasks[0]?.isAdd ?? this.#areSettlesFirst;
    return tasks;
  }

  #takeFrom(lane: TasksByFile, most = MOST_FILES): readonly LedgerTask[] {
    const tasks: LedgerTask[] = [];
    for (const task of lane.values()) {
      if (this.#busy.has(task.fileId)) continue;
      tasks.push(task);
      if (tasks.length === most) break;
    }
    for (const { fileId } of tasks) {
      lane.delete(fileId);
      this.#busy.add(fileId);
    }
    return tasks;
  }

  #dropOldestOf(lanes: readonly TasksByFile[]): void {
    const [oldest] = lanes.find(lane => lane.size > 0)?.values() ?? [];
    oldest?.end();
    if (oldest !== undefined) this.delete(oldest.fileId);
  }
}

/** Returns tasks, or others where there are none. */
function or(
  tasks: readonly LedgerTask[],
  takeOthers: () => readonly LedgerTask[],
): readonly LedgerTask[] {
  return tasks.length > 0 ? tasks : takeOthers();
}

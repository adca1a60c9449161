import type { Lease } from './lease.js';
import type { WxCloudPendingFile } from './pending-file-store.js';

/** Failures for one file alone, with successes for others in between, that show a refusal. */
const MOST_REFUSALS = 3;

/** Something that the store has to be told about one file: to add it, or to settle it. */
export class LedgerTask {
  /** The file ID. */
  readonly fileId: string;
  /** The file to add; undefined to settle it. */
  readonly file: WxCloudPendingFile | undefined;
  /** The lease of an upload that is added. */
  readonly lease: Lease | undefined;
  /** Resolves after the first attempt, and when the task has become pointless. */
  readonly attempted: Promise<void>;
  /** Resolves when the store has answered, and when the task has become pointless. */
  readonly done: Promise<void>;
  #attempt: () => void = () => {};
  #end: () => void = () => {};
  #answeredAtMs: number | undefined;
  #isClaimed = false;
  #hasFailed = false;
  #refusals = 0;
  #successesAtRefusal = -1;

  private constructor(fileId: string, file?: WxCloudPendingFile, lease?: Lease) {
    this.fileId = fileId;
    this.file = file;
    this.lease = lease;
    this.attempted = new Promise(resolve => (this.#attempt = resolve));
    this.done = new Promise(resolve => (this.#end = resolve));
  }

  /** Creates the task to add a file. `lease` is that of an upload. */
  static add(file: WxCloudPendingFile, lease?: Lease): LedgerTask {
    return new LedgerTask(file.fileId, file, lease);
  }

  /** Creates the task to settle a file. */
  static settle(fileId: string): LedgerTask {
    return new LedgerTask(fileId);
  }

  /** True for a file to add, false for one to settle. */
  get isAdd(): boolean {
    return this.file !== undefined;
  }

  /** True when an attempt has failed. */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  /** True when the store has failed for this file alone again and again, and worked for others. */
  get isRefused(): boolean {
    return this.#refusals >= MOST_REFUSALS;
  }

  /** The time of the answer; undefined without one. */
  get answeredAtMs(): number | undefined {
    return this.#answeredAtMs;
  }

  /** True when the store has answered that a sweep holds the file. */
  get isClaimed(): boolean {
    return this.#isClaimed;
  }

  /** Notes the answer to the call that was sent at `sentAtMs`. */
  succeed(sentAtMs: number, nowMs: number, isClaimed: boolean): void {
    this.lease?.answered(sentAtMs, nowMs, isClaimed);
    this.#answeredAtMs = nowMs;
    this.#isClaimed = isClaimed;
    this.end();
  }

  /**
   * Notes that an attempt has failed. `successes` says for an attempt with this file alone how many
   * calls of the same kind have succeeded so far.
   */
  fail(successes: number | undefined): void {
    this.lease?.failed();
    this.#hasFailed = true;
    if (successes !== undefined && successes > this.#successesAtRefusal) {
      this.#refusals += 1;
      this.#successesAtRefusal = successes;
    }
    this.#attempt();
  }

  /** Ends the waits for a task that is done or pointless. */
  end(): void {
    this.#attempt();
    this.#end();
  }
}

/** Time for which a request whose outcome is unknown may still be carried out, in milliseconds. */
export const LATE_MS = 600_000;
/** Most files that are remembered; the oldest ones are forgotten first. */
const MOST_FILES = 10_000;

/**
 * Files that a request may still store although it has failed for its sender: its response was lost
 * or late. A file that is deleted meanwhile can come back.
 */
export class LateFiles {
  /** The time of the last such request for each file, oldest first. */
  readonly #files = new Map<string, number>();

  /** Remembers a file. */
  add(fileId: string, nowMs: number): void {
    this.#files.delete(fileId);
    this.#files.set(fileId, nowMs);
    if (this.#files.size <= MOST_FILES) return;
    const [oldest] = this.#files.keys();
    if (oldest !== undefined) this.#files.delete(oldest);
  }

  /** Removes files. Returns those that may still be stored. */
  take(fileIds: readonly string[], nowMs: number): readonly string[] {
    if (this.#files.size === 0) return [];
    return fileIds.filter(fileId => {
      const atMs = this.#files.get(fileId);
      this.#files.delete(fileId);
      return atMs !== undefined && nowMs - atMs < LATE_MS;
    });
  }
}

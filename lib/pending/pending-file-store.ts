/** A file that is stored, or expected, and that no answered request owns yet. */
export interface WxCloudPendingFile {
  /** The file ID, `cloud://env.bucket/path`. */
  readonly fileId: string;
  /**
   * Origin of the file: an upload of this application, a form of `createUploadForm`, or a clean-up
   * that failed.
   */
  readonly reason: 'form' | 'orphan' | 'upload';
  /**
   * Milliseconds until a sweep may take the file, counted from the arrival at the store and by its
   * clock; 0 or less: at once.
   */
  readonly dueInMs: number;
}

/** A request for due files. */
export interface WxCloudPendingClaim {
  /**
   * Only files of this environment.
   * @defaultValue the files of all environments
   */
  readonly env?: string | undefined;
  /** Name of the claimant, by which the store recognises it in `done`; a new one for each sweep. */
  readonly owner: string;
  /** Largest number of files, a positive integer. */
  readonly limit: number;
  /** Milliseconds until files that were not reported as done are due again. */
  readonly leaseMs: number;
  /**
   * Only files that have been due for at least so many milliseconds.
   * @defaultValue 0
   */
  readonly overdueMs?: number | undefined;
}

/** A file that a claim has received. */
export interface WxCloudClaimedFile {
  /** The file ID. */
  readonly fileId: string;
  /** The reason for which it was added last. */
  readonly reason: WxCloudPendingFile['reason'];
}

/**
 * A durable list of files that no answered request owns yet, shared by all processes of an
 * application: what a crash leaves behind is found in it. Every method is atomic for each file.
 * Times are counted by the store's own clock, so the clocks of the processes do not matter.
 *
 * A claimed file is held by its owner until the lease ends, or until the owner reports it as done.
 * Once the lease has ended, the file is due again, for any owner, and `add` and `settle` work on it
 * as on any other.
 *
 * For a store in Redis see `redisPendingFileStore`; `pendingFileStoreContract` tests a store of
 * your own.
 */
export interface PendingFileStore {
  /**
   * Adds files; those that are known get the new reason and due time. A file that is claimed at
   * present stays as it is.
   * @returns the file IDs of those that are claimed at present; undefined for none
   */
  add(files: readonly WxCloudPendingFile[]): Promise<readonly string[] | void>;
  /**
   * Removes files that are not claimed at present. Unknown files are ignored.
   * @returns the file IDs of those that are claimed at present; undefined for none
   */
  settle(fileIds: readonly string[]): Promise<readonly string[] | void>;
  /** Claims due files, those first that have been due for longest; an empty list for none. */
  claim(claim: WxCloudPendingClaim): Promise<readonly WxCloudClaimedFile[]>;
  /** Removes files that `owner` still holds; others stay. */
  done(fileIds: readonly string[], owner: string): Promise<void>;
}

/** The observations of the clients and of the application, and the cloud at the end of one soak. */
interface CommonRecord {
  readonly adapter: string;
  readonly faultShare: number;
  /** The number of requests by kind and outcome. */
  readonly requests: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** The permitted outcomes by kind. */
  readonly expected: Readonly<Record<string, readonly (number | string)[]>>;
  /** The latest request by kind and outcome, in words. */
  readonly examples: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Requests that returned other content than was stored. */
  readonly mismatches: readonly { readonly id: string; readonly fileId: string }[];
  /** Files in successful responses that a client has read to their end. */
  readonly promised: readonly { readonly id: string; readonly fileId: string }[];
  /** Files in successful responses that the application has sent to their end. */
  readonly kept: readonly {
    readonly id: string;
    readonly fileId: string;
    readonly sha256: string;
    readonly contentType: string;
    readonly fate: 'kept' | 'deleting' | 'deleted';
  }[];
  /** Paths at which several requests have stored files. */
  readonly shared: readonly {
    readonly path: string;
    /** All requests with this path. */
    readonly requests: readonly string[];
    /** The SHA-256 of their contents. */
    readonly contents: readonly string[];
    /** The requests whose successful responses the application has sent. */
    readonly answered: readonly {
      readonly id: string;
      readonly fileId: string;
      readonly contentType: string;
    }[];
  }[];
  /** The objects in the cloud. */
  readonly objects: readonly {
    readonly fileId: string;
    readonly sha256: string;
    readonly contentType: string;
    readonly isAlive: boolean;
  }[];
  /** The files whose multipart uploads are neither completed nor aborted. */
  readonly unfinishedUploads: readonly string[];
  readonly orphans: readonly { readonly fileId: string; readonly reportedAtMs: number }[];
  readonly faults: {
    readonly injected: Readonly<Record<string, number>>;
    readonly tookEffect: Readonly<Record<string, number>>;
    /** The files for which a deletion failed because of a fault. */
    readonly hitFileIds: readonly string[];
    /** The files of all deletions that have arrived. */
    readonly askedFileIds: readonly string[];
    /** The times of faults in calls without which no deletion is sent. */
    readonly commonFaultsAtMs: readonly number[];
    /** The times at which tokens or keys expired. */
    readonly expiriesAtMs: readonly number[];
  };
  /** Uncaught errors, unhandled rejections and warnings. */
  readonly incidents: readonly string[];
  /** All texts that were logged or sent in responses. */
  readonly texts: readonly string[];
  readonly secrets: readonly string[];
  readonly errorOutput: string;
  readonly isIdle: boolean;
  /** Open connections to the cloud. */
  readonly connections: number;
}

/** The record of a soak of an application in one process. */
export interface SoakRecord extends CommonRecord {
  /** The number of freezes, and of forms that were half received. */
  readonly freezes: {
    /**
     * False if the run was meant to have none.
     * @defaultValue true
     */
    readonly isWanted?: boolean;
    readonly count: number;
    readonly forms: number;
  };
  /** True if the application closed although clients held on to it. */
  readonly hasClosed: boolean;
  /** The HTTP/2 streams that were open when all clients had received their responses. */
  readonly openStreams: number;
  readonly temporary: { readonly names: number; readonly openHandles: number };
  readonly handles: {
    readonly atStart: Readonly<Record<string, number>>;
    readonly atEnd: Readonly<Record<string, number>>;
  };
  readonly memory: { readonly afterWarmUp: MemoryFigures; readonly atEnd: MemoryFigures };
  readonly exitCode: number | string;
}

/** The record of a soak of replicas that were killed. */
export interface ReplicaSoakRecord extends CommonRecord {
  /** The number of kills, restarts of Redis, and sweeps. */
  readonly deeds: { readonly kill: number; readonly restartRedis: number; readonly sweep: number };
  /** The watches of the progress of uploads. */
  readonly watches: readonly {
    readonly id: string;
    /** The outcome that it told; `cut`; `open` when its client left, `overdue` when too late. */
    readonly end: string;
    /** The status of the upload, or how else it ended. */
    readonly outcome: number | string;
    /** True if the replica of the watch or of the upload was killed. */
    readonly isExcused: boolean;
  }[];
  /** Recorded files that were kept or not: their replica was killed, or their client left. */
  readonly perhaps: readonly string[];
  /** The number of pending files before the last sweep, and after it. */
  readonly pending: { readonly atStart: number; readonly left: number };
  readonly exitCodes: readonly (number | string)[];
}

/** Memory in bytes, after garbage collection. */
export interface MemoryFigures {
  readonly heapUsed: number;
  readonly external: number;
}

/** Describes all violations in the record of a soak; returns an empty list if there are none. */
export function findViolations(record: SoakRecord): string[];

/** The same for a soak of replicas. */
export function findReplicaViolations(record: ReplicaSoakRecord): string[];

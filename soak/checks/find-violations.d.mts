/** What a client was told, what the application told, and what was found at the end of one soak. */
export interface SoakRecord {
  readonly adapter: string;
  readonly faultShare: number;
  /** How often requests of each kind ended in which way. */
  readonly requests: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** The ways in which they may end. */
  readonly expected: Readonly<Record<string, readonly (number | string)[]>>;
  /** The newest request of each kind and way, in words. */
  readonly examples: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Requests that were given another content than was stored. */
  readonly mismatches: readonly { readonly id: string; readonly fileId: string }[];
  /** Files of answers with success that a client has read to their end. */
  readonly promised: readonly { readonly id: string; readonly fileId: string }[];
  /** Files of answers with success that the application has sent to their end. */
  readonly kept: readonly {
    readonly id: string;
    readonly fileId: string;
    readonly sha256: string;
    readonly contentType: string;
    readonly fate: 'kept' | 'deleting' | 'deleted';
  }[];
  /** Paths at which several requests have stored. */
  readonly shared: readonly {
    readonly path: string;
    /** All requests that were to store there. */
    readonly requests: readonly string[];
    /** What they sent, by its SHA-256. */
    readonly contents: readonly string[];
    /** Those whose answers with success the application has sent. */
    readonly answered: readonly {
      readonly id: string;
      readonly fileId: string;
      readonly contentType: string;
    }[];
  }[];
  /** How often the application was frozen, and with how many forms that were half received. */
  readonly freezes: {
    /** False when the run was to have none. @defaultValue true */
    readonly isWanted?: boolean;
    readonly count: number;
    readonly forms: number;
  };
  /** What is in the cloud. */
  readonly objects: readonly {
    readonly fileId: string;
    readonly sha256: string;
    readonly contentType: string;
    readonly isAlive: boolean;
  }[];
  readonly orphans: readonly { readonly fileId: string; readonly reportedAtMs: number }[];
  readonly faults: {
    readonly injected: Readonly<Record<string, number>>;
    readonly tookEffect: Readonly<Record<string, number>>;
    /** The files that a fault on a deletion or a look concerned. */
    readonly hitFileIds: readonly string[];
    /** When faults befell calls that concern every file, or nobody knows which. */
    readonly commonFaultsAtMs: readonly number[];
  };
  readonly isIdle: boolean;
  /** Whether the application closed although clients held on to it. */
  readonly hasClosed: boolean;
  /** Streams of HTTP/2 that were open when all clients had been answered. */
  readonly openStreams: number;
  /** Open connections to the cloud. */
  readonly connections: number;
  readonly temporary: { readonly names: number; readonly openHandles: number };
  readonly handles: {
    readonly atStart: Readonly<Record<string, number>>;
    readonly atEnd: Readonly<Record<string, number>>;
  };
  readonly memory: { readonly afterWarmUp: MemoryFigures; readonly atEnd: MemoryFigures };
  /** Uncaught errors, unhandled rejections and warnings. */
  readonly incidents: readonly string[];
  /** All that was logged or answered. */
  readonly texts: readonly string[];
  readonly secrets: readonly string[];
  readonly errorOutput: string;
  readonly exitCode: number | string;
}

/** In bytes, after all garbage was collected. */
export interface MemoryFigures {
  readonly heapUsed: number;
  readonly external: number;
}

/** All that is wrong with what a soak has recorded, in words; nothing when all is as it has to be. */
export function findViolations(record: SoakRecord): string[];

import { WxCloudStorageError } from './wx-cloud-storage.error.js';

/** What a time limit was set on. */
export type TimeoutPhase = 'connect' | 'headers' | 'idle' | 'total' | 'token';

/** What the error is made from. */
interface RequestTimedOutParts {
  readonly phase: TimeoutPhase;
  readonly endpoint: string;
  /** Undefined when it is not one of this package's `timeouts`, but the dispatcher's own. */
  readonly timeoutMs: number | undefined;
  readonly cause?: unknown;
}

/** A remote call took longer than allowed. Code `WX_CLOUD_REQUEST_TIMED_OUT`. */
export class RequestTimedOutError extends WxCloudStorageError {
  /** Which of the time limits was reached. */
  readonly phase: TimeoutPhase;

  /** Builds the error for one endpoint and phase. */
  constructor(parts: RequestTimedOutParts) {
    super({
      code: 'WX_CLOUD_REQUEST_TIMED_OUT',
      message: `${parts.endpoint}: ${describe(parts)}`,
      // These cover every attempt, so there is no time left for another.
      retryable: parts.phase !== 'total' && parts.phase !== 'token',
      endpoint: parts.endpoint,
      cause: parts.cause,
    });
    this.phase = parts.phase;
  }
}

function describe({ phase, timeoutMs }: RequestTimedOutParts): string {
  return timeoutMs === undefined
    ? `the ${phase} timeout of the dispatcher was reached. Try again, or raise it there.`
    : `the ${phase} timeout of ${timeoutMs} ms was reached. Try again, or raise timeouts.${phase}Ms.`;
}

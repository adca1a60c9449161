import { WxCloudStorageError } from './wx-cloud-storage.error.js';

/** What a time limit was set on. */
export type TimeoutPhase = 'connect' | 'headers' | 'idle' | 'total';

/** A remote call took longer than allowed. Code `WX_CLOUD_REQUEST_TIMED_OUT`. */
export class RequestTimedOutError extends WxCloudStorageError {
  /** Which of the time limits was reached. */
  readonly phase: TimeoutPhase;

  /** Builds the error for one endpoint and phase. */
  constructor(parts: {
    readonly phase: TimeoutPhase;
    readonly endpoint: string;
    readonly timeoutMs: number;
    readonly cause?: unknown;
  }) {
    super({
      code: 'WX_CLOUD_REQUEST_TIMED_OUT',
      message: `${parts.endpoint}: the ${parts.phase} timeout of ${parts.timeoutMs} ms was reached. Try again, or raise timeouts.${parts.phase}Ms.`,
      // The total covers every attempt, so there is no time left for another.
      retryable: parts.phase !== 'total',
      endpoint: parts.endpoint,
      cause: parts.cause,
    });
    this.phase = parts.phase;
  }
}

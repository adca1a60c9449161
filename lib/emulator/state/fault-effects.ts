import type { WxCloudEmulatorOperation } from './operation.js';

/** The JSON endpoints answer HTTP 200 with this error. Nothing is carried out. */
interface ErrcodeEffect {
  /** Which effect. */
  readonly kind: 'errcode';
  /** A whole number, e.g. -1 or 45009. */
  readonly errcode: number;
  /** The text; a request ID is added as the real service does. @defaultValue `'injected fault'` */
  readonly errmsg?: string;
}

/** Responses an HTTP status, as a gateway in between would. Nothing is carried out. */
interface StatusEffect {
  /** Which effect. */
  readonly kind: 'status';
  /** From 200 to 599. */
  readonly status: number;
  /** Plain text. @defaultValue `''` */
  readonly body?: string;
}

/** The object storage answers its XML error document. Nothing is carried out. */
interface CosErrorEffect {
  /** Which effect. */
  readonly kind: 'cos-error';
  /** E.g. `SlowDown`. */
  readonly cosCode: string;
  /** From 400 to 599. @defaultValue the documented one of the code; 400 for an unknown code */
  readonly status?: number;
  /** The text. @defaultValue the code */
  readonly message?: string;
}

/** Resets the connection (RST), so that the client sees `ECONNRESET`. */
interface ResetEffect {
  /** Which effect. */
  readonly kind: 'reset';
  /**
   * `request`: while the request is read, nothing is carried out. `answer`: after it was carried
   * out.
   */
  readonly at: 'request' | 'answer';
  /**
   * How many bytes of the request's or answer's body pass first. For an answer 0 means: not even
   * its head.
   * @defaultValue 0
   */
  readonly afterBytes?: number;
}

/**
 * Reads the request and never answers; ends when the client gives up, or with `reset()` or
 * `close()`.
 */
interface HangEffect {
  /** Which effect. */
  readonly kind: 'hang';
  /** `request`: nothing is carried out. `answer`: the operation is. */
  readonly at: 'request' | 'answer';
}

/** Carries the operation out and answers later. */
interface DelayEffect {
  /** Which effect. */
  readonly kind: 'delay';
  /** Milliseconds, on top of `latencyMs`. */
  readonly delayMs: number;
}

/**
 * Responses 200 with a text that is no JSON, or, for the object storage, with an HTML page. Nothing
 * is carried out.
 */
interface MalformedJsonEffect {
  /** Which effect. */
  readonly kind: 'malformed-json';
}

/** Responses without a body. Nothing is carried out. */
interface EmptyEffect {
  /** Which effect. */
  readonly kind: 'empty';
  /** From 200 to 599. @defaultValue 500 */
  readonly status?: number;
}

/**
 * Of a batch, all items or one fail, while the outer `errcode` is 0. What fails is not carried out.
 */
interface ItemEffect {
  /** Which effect. */
  readonly kind: 'item';
  /** The item's `status`, e.g. 1. */
  readonly status: number;
  /** The item's `errmsg`, e.g. `STORAGE_FILE_NONEXIST`. */
  readonly errmsg: string;
  /** The position of the one item that fails, from 0. @defaultValue all items fail */
  readonly index?: number;
}

/** Carries the operation out and sends the answer's body slowly. */
interface TrickleEffect {
  /** Which effect. */
  readonly kind: 'trickle';
  /** Bytes a second, from 1. */
  readonly bytesPerSecond: number;
}

/**
 * Responses another ETag than that of the content, as if the content had been damaged on the way. The
 * operation is carried out.
 */
interface WrongEtagEffect {
  /** Which effect. */
  readonly kind: 'wrong-etag';
}

/** Responses the whole object, whatever part of it was asked for, as storages without ranges do. */
interface IgnoreRangeEffect {
  /** Which effect. */
  readonly kind: 'ignore-range';
}

/** What goes wrong. */
export type WxCloudEmulatorFaultEffect =
  | ErrcodeEffect
  | StatusEffect
  | CosErrorEffect
  | ResetEffect
  | HangEffect
  | DelayEffect
  | MalformedJsonEffect
  | EmptyEffect
  | ItemEffect
  | TrickleEffect
  | WrongEtagEffect
  | IgnoreRangeEffect;

/** The names of the effects. */
export type WxCloudEmulatorFaultKind = WxCloudEmulatorFaultEffect['kind'];

/** Something that is to go wrong. */
export interface WxCloudEmulatorFault {
  /** The operation that it befalls; `*` for every one to which the effect applies. */
  readonly operation: WxCloudEmulatorOperation | '*';
  /** What goes wrong. */
  readonly effect: WxCloudEmulatorFaultEffect;
  /** How many matching requests pass first. @defaultValue 0 */
  readonly after?: number;
  /** How many requests it then befalls; `Infinity` for all. @defaultValue 1 */
  readonly times?: number;
}

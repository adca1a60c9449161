import type { WxCloudEmulatorOperation } from './operation.js';

/** A JSON endpoint responds with HTTP 200 and this error. The operation is not carried out. */
interface ErrcodeEffect {
  /** The kind of the effect. */
  readonly kind: 'errcode';
  /** An integer other than 0, e.g. -1 or 45009. */
  readonly errcode: number;
  /**
   * The text. The emulator appends a request ID, as the real service does.
   * @defaultValue `'injected fault'`
   */
  readonly errmsg?: string;
}

/** Responds with an HTTP status, as a gateway would. The operation is not carried out. */
interface StatusEffect {
  /** The kind of the effect. */
  readonly kind: 'status';
  /** The HTTP status, from 200 to 599. */
  readonly status: number;
  /**
   * The body, as plain text.
   * @defaultValue `''`
   */
  readonly body?: string;
}

/** The object storage responds with an XML error document. The operation is not carried out. */
interface CosErrorEffect {
  /** The kind of the effect. */
  readonly kind: 'cos-error';
  /** The code, e.g. `SlowDown`. */
  readonly cosCode: string;
  /**
   * The HTTP status, from 400 to 599, or 200, as for errors after the head of a long response.
   * @defaultValue the documented status of the code; 400 for an unknown code
   */
  readonly status?: number;
  /**
   * The text.
   * @defaultValue the code
   */
  readonly message?: string;
}

/** Resets the connection (RST): the client sees `ECONNRESET`. */
interface ResetEffect {
  /** The kind of the effect. */
  readonly kind: 'reset';
  /**
   * `'request'`: while the request is read; the operation is not carried out. `'answer'`: after the
   * operation was carried out.
   */
  readonly at: 'request' | 'answer';
  /**
   * The number of bytes of the request or response body that pass before the reset. With 0, not
   * even the head of a response is sent.
   * @defaultValue 0
   */
  readonly afterBytes?: number;
}

/**
 * Reads the request and never responds. Ends when the client disconnects, or by `reset()` or
 * `close()`.
 */
interface HangEffect {
  /** The kind of the effect. */
  readonly kind: 'hang';
  /** `'request'`: the operation is not carried out. `'answer'`: it is carried out. */
  readonly at: 'request' | 'answer';
}

/**
 * Carries out the operation and responds later. The response to `complete-multipart-upload` begins
 * at once, and white space precedes its document, as at COS.
 */
interface DelayEffect {
  /** The kind of the effect. */
  readonly kind: 'delay';
  /** The delay in milliseconds, in addition to `latencyMs`. */
  readonly delayMs: number;
}

/**
 * Responds with status 200 and invalid JSON, or, for the object storage, with an HTML page. The
 * operation is not carried out.
 */
interface MalformedJsonEffect {
  /** The kind of the effect. */
  readonly kind: 'malformed-json';
}

/** Responds without a body. The operation is not carried out. */
interface EmptyEffect {
  /** The kind of the effect. */
  readonly kind: 'empty';
  /**
   * The HTTP status, from 200 to 599.
   * @defaultValue 500
   */
  readonly status?: number;
}

/**
 * Makes all items of a batch, or one of them, fail while the outer `errcode` is 0. A failed item is
 * not carried out. `delete-objects` returns the `errmsg` as the code of the key.
 */
interface ItemEffect {
  /** The kind of the effect. */
  readonly kind: 'item';
  /** The item's `status`, e.g. 1. */
  readonly status: number;
  /** The item's `errmsg`, e.g. `STORAGE_FILE_NONEXIST`. */
  readonly errmsg: string;
  /**
   * The index of the item that fails, from 0.
   * @defaultValue all items fail
   */
  readonly index?: number;
}

/** Carries out the operation and sends the response body slowly. */
interface TrickleEffect {
  /** The kind of the effect. */
  readonly kind: 'trickle';
  /** The rate in bytes per second, at least 1. */
  readonly bytesPerSecond: number;
}

/**
 * Responds with a wrong ETag, as if the content had been damaged in transit. The operation is
 * carried out.
 */
interface WrongEtagEffect {
  /** The kind of the effect. */
  readonly kind: 'wrong-etag';
}

/** Responds with the whole object, even to range requests, as storages without ranges do. */
interface IgnoreRangeEffect {
  /** The kind of the effect. */
  readonly kind: 'ignore-range';
}

/** `encode-metaid` returns fewer values than it was asked for, or none, without an error. */
interface ShortListEffect {
  /** The kind of the effect. */
  readonly kind: 'short-list';
  /** The number of values that it returns, 0 or more. */
  readonly count: number;
}

/** The effect of a fault. */
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
  | IgnoreRangeEffect
  | ShortListEffect;

/** The names of the effects. */
export type WxCloudEmulatorFaultKind = WxCloudEmulatorFaultEffect['kind'];

/**
 * A fault to inject.
 * @example
 * ```ts
 * import {
 *   startWxCloudEmulator,
 *   type WxCloudEmulatorFault,
 * } from 'nestjs-wx-cloud-storage/emulator';
 *
 * const slowDown: WxCloudEmulatorFault = {
 *   operation: 'post-object',
 *   effect: { kind: 'cos-error', cosCode: 'SlowDown' },
 *   times: 2, // the first two uploads fail
 * };
 * const emulator = await startWxCloudEmulator();
 * const added = emulator.faults.add(slowDown);
 * added.remove();
 * await emulator.close();
 * ```
 */
export interface WxCloudEmulatorFault {
  /** The operation that fails; `'*'` for all to which the effect applies. */
  readonly operation: WxCloudEmulatorOperation | '*';
  /** The effect. */
  readonly effect: WxCloudEmulatorFaultEffect;
  /**
   * The number of matching requests that pass before the fault takes effect.
   * @defaultValue 0
   */
  readonly after?: number;
  /**
   * The number of requests that then fail; `Infinity` for all.
   * @defaultValue 1
   */
  readonly times?: number;
}

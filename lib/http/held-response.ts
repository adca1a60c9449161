import type { ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { RequestProperty } from './request-origin.js';
import type { RequestMemory } from './refused-request.js';
import { overrideMethod, overrideProperty, type PassOn } from './response-overrides.js';

/** Methods that send a part of a response; `flush` is one of middleware, as for compression. */
const SENDING = ['writeHead', 'flushHeaders', 'write', 'flush', 'end'] as const;
/** Methods that throw once the head of a response was sent. */
const HEADING = ['setHeader', 'setHeaders', 'appendHeader', 'removeHeader'] as const;

/** Headers of a success that its replacement needs, too: browsers show no response without them. */
const KEPT_HEADER = /^(?:access-control-.+|vary)$/i;

type SendingMethod = (typeof SENDING)[number];
type Method = (...given: unknown[]) => unknown;
type Headers = ReturnType<ServerResponse['getHeaders']>;

/** A call that waits for the commit. */
interface HeldCall {
  readonly name: SendingMethod;
  readonly given: readonly unknown[];
}

/** The commit that a response waits for. */
export interface ResponseCommit {
  /** Counts the bytes that are held back; undefined where nothing is counted. */
  readonly memory: RequestMemory | undefined;
  /** True while a success has to wait. */
  isDue(): boolean;
  /** Resolves when the success may be sent; rejects when it must not be. */
  commit(): Promise<void>;
  /** Makes the commit fail, or undoes it. */
  abandon(): void;
  /** Returns the status and the text of the JSON that is sent in place of the success. */
  describeFailure(error: unknown): { readonly status: number; readonly text: string };
}

const heldProperty = new RequestProperty<HeldResponse>('heldResponse');

/**
 * Prepares to hold a response back while a commit is due and the status is below 400. When the
 * commit fails, an error is sent instead. Does nothing for a response that is known.
 */
export function holdResponse(response: ServerResponse, commit: ResponseCommit): void {
  if (heldProperty.read(response) !== undefined) return;
  heldProperty.write(response, new HeldResponse(response, commit));
}

/** Has to be called before a commit can be due: from then on, each call to the response asks. */
export function watchResponse(response: ServerResponse): void {
  heldProperty.read(response)?.watch();
}

/** True when a response was written completely. One that is held back was not. */
export function isWrittenWhole(response: ServerResponse): boolean {
  return response.writableEnded && heldProperty.read(response)?.isHolding !== true;
}

/**
 * True when a response that was written completely is held back, or was passed on to a middleware
 * that has yet to end it, as for compression.
 */
export function isHeldWhole(response: ServerResponse): boolean {
  const held = heldProperty.read(response);
  if (held === undefined) return false;
  return response.writableEnded ? held.isHolding : held.isEndPassed;
}

/** True when the head of a success was sent. That of one that is held back was not. */
export function isSuccessBegun(response: ServerResponse): boolean {
  if (heldProperty.read(response)?.isHolding === true) return false;
  return response.headersSent && response.statusCode < 400;
}

/**
 * A response whose calls wait, in their order. Meanwhile it shows the state that they would have
 * caused. Whatever a middleware has replaced before, as for compression, is called after the
 * commit.
 */
class HeldResponse {
  readonly #response: ServerResponse;
  readonly #commit: ResponseCommit;
  readonly #originals: Partial<Record<SendingMethod | 'destroy', PassOn | undefined>> = {};
  /** The headers that were set before the handler ran. */
  readonly #firstHeaders: Headers;
  /** Those who listen for errors, but for the handler and what writes its response. */
  readonly #firstErrorListeners: readonly unknown[];
  /** Streams that are piped to the response. */
  readonly #sources = new Set<Readable>();
  /** Listeners of `drain` that a middleware has passed on to a stream of its own. */
  readonly #drainListeners = new Set<unknown>();
  /** Undefined while nothing waits. */
  #calls: HeldCall[] | undefined;
  #statusCode = 200;
  #statusMessage: unknown;
  #heldBytes = 0;
  #hasChunk = false;
  #isEnded = false;
  #isReplaying = false;
  #isEndPassed = false;
  #isWatched = false;
  #isStateOverridden = false;
  /** True once the calls were dropped: later ones are ignored. */
  #isDropped = false;
  /** True until an error was sent in place of the calls. */
  #isFailing = false;
  #failure: unknown;

  constructor(response: ServerResponse, commit: ResponseCommit) {
    this.#response = response;
    this.#commit = commit;
    this.#firstHeaders = response.getHeaders();
    this.#firstErrorListeners = response.rawListeners('error');
    response.on('pipe', (source: Readable) => this.#sources.add(source));
    response.on('unpipe', (source: Readable) => this.#sources.delete(source));
    // A middleware may send later what it was given, so it has to be known.
    if (SENDING.some(name => Object.hasOwn(response, name))) this.watch();
  }

  /** Most responses never wait, and overridden methods cost 3 % of a small upload's CPU time. */
  watch(): void {
    if (this.#isWatched) return;
    this.#isWatched = true;
    for (const name of SENDING)
      this.#originals[name] = overrideMethod(this.#response, name, given =>
        this.#take(name, given),
      );
    this.#noteDrainListeners();
  }

  /** True while calls wait. */
  get isHolding(): boolean {
    return this.#calls !== undefined;
  }

  /** True once a success was passed on completely. */
  get isEndPassed(): boolean {
    return this.#isEndPassed && this.#response.statusCode < 400;
  }

  /** Done when it is needed, as nearly no response is held without a ledger of pending files. */
  #overrideState(): void {
    const response = this.#response;
    for (const name of HEADING)
      overrideMethod(response, name, (given, passOn) =>
        this.#isHidden ? failHeadersSent(name) : passOn(given),
      );
    // Writers that end with the failure destroy the response, which is not sent yet.
    this.#originals.destroy = overrideMethod(response, 'destroy', (given, passOn) =>
      this.#isFailing ? response : passOn(given),
    );
    // The state that the handler, and the adapter, have to see after their calls.
    const states: Readonly<Record<string, () => unknown>> = {
      headersSent: () => true,
      writableEnded: () => this.#isEnded,
      writableNeedDrain: () => this.#hasChunk && !this.#isEnded,
      writableLength: () => this.#heldBytes,
    };
    for (const [name, show] of Object.entries(states))
      overrideProperty(response, name, read => (this.#isHidden ? show() : read()));
  }

  /** True while the real state is hidden. */
  get #isHidden(): boolean {
    return this.isHolding && !this.#isReplaying;
  }

  /** A stream of a middleware does not know what was held, so its `drain` may never come. */
  #noteDrainListeners(): void {
    const response = this.#response;
    overrideMethod(response, 'on', (given, passOn) => {
      const result = passOn(given);
      const [event, listener] = given;
      const isHidden =
        event === 'drain' && !response.rawListeners(event).includes(listener as never);
      if (isHidden) this.#drainListeners.add(listener);
      return result;
    });
    for (const name of ['off', 'removeListener'])
      overrideMethod(response, name, (given, passOn) => {
        if (given[0] === 'drain') this.#drainListeners.delete(given[1]);
        return passOn(given);
      });
  }

  #take(name: SendingMethod, given: readonly unknown[]): unknown {
    // Node's own methods, and those of middleware, call each other.
    if (this.#isReplaying) return this.#pass(name, given);
    if (this.#isDropped) return this.#ignore(name, given);
    if (this.#calls !== undefined || this.#begin(name, given)) return this.#hold(name, given);
    const result = this.#pass(name, given);
    if (name === 'end') this.#isEndPassed = true;
    return result;
  }

  #pass(name: SendingMethod | 'destroy', given: readonly unknown[]): unknown {
    return this.#originals[name]?.(given);
  }

  /** Begins to hold calls back; returns false where they need not wait. */
  #begin(name: SendingMethod, [first]: readonly unknown[]): boolean {
    const response = this.#response;
    const { writableEnded, destroyed } = response;
    const statusCode = name === 'writeHead' ? Number(first) : response.statusCode;
    if (name === 'flush' || writableEnded || destroyed) return false;
    if (statusCode >= 400 || !this.#commit.isDue()) return false;
    this.#statusCode = statusCode;
    // Reading it without need makes HTTP/2 emit a warning.
    this.#statusMessage = Object.getOwnPropertyDescriptor(response, 'statusMessage')?.value;
    if (!this.#isStateOverridden) this.#overrideState();
    this.#isStateOverridden = true;
    this.#calls = [];
    this.#isEnded = false;
    this.#hasChunk = false;
    response.once('close', this.#onClose);
    this.#commit
      .commit()
      .then(
        () => this.#release(),
        (error: unknown) => this.#fail(error),
      )
      // Listeners of the application may throw as well.
      .catch((error: unknown) => this.#sendFailure(error, []));
    return true;
  }

  readonly #onClose = (): void => void this.#drop(closedBefore());

  #hold(name: SendingMethod, given: readonly unknown[]): unknown {
    const calls = this.#calls ?? [];
    if (name === 'writeHead' && calls.length > 0) failHeadersSent(name);
    calls.push({ name, given });
    if (name === 'end') this.#isEnded = true;
    if (name === 'end' || name === 'write')
      this.#count(sizeOf(given), name === 'end' || !this.#hasChunk);
    if (name === 'write') {
      this.#hasChunk = true;
      return false;
    }
    return name === 'writeHead' || name === 'end' ? this.#response : undefined;
  }

  /**
   * Counts what is held back. Only a handler that does not wait for `drain` has several chunks
   * here; it fails when there is no memory left for them.
   */
  #count(bytes: number, isSingle: boolean): void {
    const { memory } = this.#commit;
    this.#heldBytes += bytes;
    try {
      if (isSingle) memory?.count(bytes);
      else memory?.take(bytes);
    } catch (error) {
      this.#failure = error;
      this.#isDropped = true;
      this.#commit.abandon();
    }
  }

  /** Returns the calls, which no longer wait. */
  #takeCalls(): readonly HeldCall[] {
    const calls = this.#calls ?? [];
    this.#calls = undefined;
    this.#heldBytes = 0;
    this.#response.off('close', this.#onClose);
    this.#commit.memory?.release();
    return calls;
  }

  #release(): void {
    if (this.#calls === undefined) return;
    if (this.#failure !== undefined) {
      this.#fail(this.#failure);
      return;
    }
    const calls = this.#takeCalls();
    const response = this.#response;
    let mayGoOn: unknown = false;
    try {
      this.#replay(() => {
        // They may have been changed since, which has no effect once a head was sent.
        if (!response.headersSent) this.#setStatus(this.#statusCode, this.#statusMessage);
        for (const { name, given } of calls) {
          const result = this.#pass(name, given);
          if (name === 'write') mayGoOn = result;
        }
      });
      this.#isEndPassed = calls.some(({ name }) => name === 'end');
    } catch (error) {
      // The handler would have had it, for its headers or its content.
      this.#sendFailure(error, calls);
      return;
    }
    // A middleware in between may return nothing; only false says that Node emits it later.
    if (mayGoOn !== false && !response.writableEnded) this.#emitDrain();
  }

  #setStatus(code: number, message: unknown): void {
    const response = this.#response;
    response.statusCode = code;
    if (typeof message === 'string') response.statusMessage = message;
    // Node's own texts are those of a response without one.
    else Reflect.deleteProperty(response, 'statusMessage');
  }

  #replay(send: () => void): void {
    this.#isReplaying = true;
    try {
      send();
    } finally {
      this.#isReplaying = false;
    }
  }

  #emitDrain(): void {
    const response = this.#response;
    const known: readonly unknown[] = response.rawListeners('drain');
    const hidden = [...this.#drainListeners].filter(listener => !known.includes(listener));
    response.emit('drain');
    for (const listener of hidden) Reflect.apply(listener as Method, response, []);
  }

  #fail(error: unknown): void {
    if (this.#calls === undefined) return;
    const calls = this.#drop(error);
    this.#sendFailure(this.#failure ?? error, calls);
  }

  /** Drops the calls, and ignores later ones. */
  #drop(error: unknown): readonly HeldCall[] {
    this.#isDropped = true;
    const calls = this.#takeCalls();
    for (const { given } of calls) callBack(given, error);
    return calls;
  }

  /** Does nothing, as for a response whose client has left. */
  #ignore(name: SendingMethod, given: readonly unknown[]): unknown {
    const { headersSent } = this.#response;
    if (name === 'writeHead' && headersSent) failHeadersSent(name);
    // A middleware may send what it was given later.
    if (name === 'writeHead' && !this.isHolding) return this.#pass(name, given);
    callBack(given, closedBefore());
    if (name === 'write') return false;
    return name === 'end' ? this.#response : undefined;
  }

  /** Sends an error; without one, where a part of the success was sent before. */
  #sendFailure(error: unknown, calls: readonly HeldCall[]): void {
    this.#isDropped = true;
    const response = this.#response;
    try {
      const failure = this.#commit.describeFailure(error);
      // A middleware has failed after it had sent the success.
      if (response.writableEnded) return;
      this.#endWritersAfter(error);
      if (response.headersSent || response.destroyed) this.#cut();
      else this.#replace(failure, calls);
    } catch {
      // A middleware fails again.
      this.#cut();
    }
  }

  #replace(
    { status, text }: ReturnType<ResponseCommit['describeFailure']>,
    calls: readonly HeldCall[],
  ): void {
    const response = this.#response;
    const headers = { ...this.#firstHeaders, ...keptHeaders(response.getHeaders(), calls) };
    this.#replay(() => {
      for (const name of response.getHeaderNames()) response.removeHeader(name);
      for (const [name, value = ''] of Object.entries(headers)) response.setHeader(name, value);
      this.#setStatus(status, undefined);
      response.setHeader('content-type', 'application/json; charset=utf-8');
      response.setHeader('content-length', Buffer.byteLength(text));
      // A handler that works until its client leaves has no other sign.
      response.shouldKeepAlive = false;
      this.#pass('end', [text]);
    });
  }

  /** Ends a response that cannot be sent. */
  #cut(): void {
    const { headersSent, socket, writableEnded } = this.#response;
    if (writableEnded) return;
    if (!headersSent) this.#commit.abandon();
    try {
      this.#pass('destroy', []);
    } catch {
      socket?.destroy();
    }
  }

  /**
   * Ends what writes to the response, once the error was sent: it would take that for the end of
   * its own, or wait for ever.
   */
  #endWritersAfter(error: unknown): void {
    const response = this.#response;
    this.#isFailing = true;
    const endWriters = (): void => {
      if (!this.#isFailing) return;
      for (const source of this.#sources) {
        quietly(() => {
          source.unpipe?.(response);
          source.destroy?.();
        });
      }
      for (const listener of response.rawListeners('error'))
        if (!this.#firstErrorListeners.includes(listener))
          quietly(() => {
            Reflect.apply(listener, response, [error]);
          });
      this.#isFailing = false;
    };
    // Before those who wait for the end of the response.
    for (const event of ['finish', 'close']) response.prependOnceListener(event, endWriters);
  }
}

/** Runs code of the application that may throw when the response is over, and is not awaited. */
function quietly(work: () => void): void {
  try {
    work();
  } catch {
    // A stream of the old kind emits the error again, which has no listener any more.
  }
}

function sizeOf([chunk, encoding]: readonly unknown[]): number {
  if (chunk instanceof Uint8Array) return chunk.byteLength;
  if (typeof chunk !== 'string') return 0;
  return Buffer.byteLength(chunk, typeof encoding === 'string' ? (encoding as 'utf8') : 'utf8');
}

/** Calls the callback of a call that has no effect. */
function callBack(given: readonly unknown[], error: unknown): void {
  const callback = given.findLast(value => typeof value === 'function');
  if (callback !== undefined) process.nextTick(callback as Method, error);
}

/** Picks the headers that an error keeps, also those that a held call was given. */
function keptHeaders(set: Headers, calls: readonly HeldCall[]): Headers {
  const given = calls.map(call => (call.name === 'writeHead' ? call.given.at(-1) : undefined));
  const objects = given.filter(value => typeof value === 'object' && !Array.isArray(value));
  const all = Object.entries(Object.assign({ ...set }, ...objects) as Headers);
  return Object.fromEntries(all.filter(([name]) => KEPT_HEADER.test(name)));
}

/** Throws what Node throws. */
function failHeadersSent(name: string): never {
  const verb = name === 'writeHead' ? 'write' : name === 'removeHeader' ? 'remove' : 'set';
  const error = new Error(`Cannot ${verb} headers after they are sent to the client`);
  throw Object.assign(error, { code: 'ERR_HTTP_HEADERS_SENT' });
}

function closedBefore(): Error {
  const error = new Error('Cannot write to a response that was closed.');
  return Object.assign(error, { code: 'ERR_STREAM_DESTROYED' });
}

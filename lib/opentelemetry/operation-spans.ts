import {
  type Context,
  context,
  createContextKey,
  type Link,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
} from '@opentelemetry/api';
import {
  AT_END,
  AT_START,
  attributesOf,
  type Operation,
  type OperationEvent,
} from './operations.js';

/**
 * The key with which `suppressTracing` of `@opentelemetry/core` keeps tracers from recording. Keys
 * of one name are equal.
 */
const SUPPRESS_TRACING = createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING');

/** A question of the package for the context of some work. */
interface ContextMessage {
  /** The event of the operation that does the work; undefined for the sending of a request. */
  readonly event: object | undefined;
  /** Runs the work; may be replaced by a function that runs it in a context. */
  run: <T>(work: () => T) => T;
}

/** The span of an operation, and the context with it. */
interface RunningSpan {
  readonly span: Span;
  readonly within: Context;
}

/** The spans of operations, by their events. */
export class OperationSpans {
  readonly #tracer: Tracer;
  /** Until they end. A `WeakMap` would cost the garbage collector more than all the rest. */
  readonly #spans = new Map<object, RunningSpan>();

  constructor(tracer: Tracer) {
    this.#tracer = tracer;
  }

  /** Starts the span of an operation, below the active one. */
  start(operation: Operation, event: OperationEvent): void {
    const parent = context.active();
    const isRequest = operation === 'request';
    const span = this.#tracer.startSpan(
      isRequest ? nameOf(event) : `wx-cloud-storage ${operation}`,
      {
        kind: isRequest ? SpanKind.CLIENT : SpanKind.INTERNAL,
        attributes: attributesOf(event, AT_START),
        links: this.#linksOf(event),
      },
      parent,
    );
    this.#spans.set(event, { span, within: trace.setSpan(parent, span) });
  }

  /** Ends the span of an operation with its outcome. Returns its context. */
  end(event: OperationEvent): Context {
    const running = this.#spans.get(event);
    // It began before the instrumentation.
    if (running === undefined) return context.active();
    this.#spans.delete(event);
    const { span, within } = running;
    span.setAttributes(attributesOf(event, AT_END));
    if (event.code !== undefined) span.setStatus({ code: SpanStatusCode.ERROR });
    span.end();
    return within;
  }

  /** Has the work of an operation run within its span, and requests be sent without any. */
  provideContext(message: ContextMessage): void {
    const { event, run } = message;
    const active = context.active();
    const wanted =
      event === undefined
        ? active.setValue(SUPPRESS_TRACING, true)
        : (this.#spans.get(event)?.within ?? active);
    message.run = work => context.with(wanted, run, undefined, work) as never;
  }

  /** Links a request to the operations that share it, beside the one that it belongs to. */
  #linksOf({ callers = [] }: OperationEvent): Link[] {
    return callers.slice(1).flatMap(caller => {
      const running = this.#spans.get(caller);
      return running === undefined ? [] : [{ context: running.span.spanContext() }];
    });
  }
}

/** Returns the method and the endpoint; endpoints of COS begin with the method already. */
function nameOf({ endpoint = '', method = '' }: OperationEvent): string {
  return endpoint.startsWith(`${method} `) ? endpoint : `${method} ${endpoint}`;
}

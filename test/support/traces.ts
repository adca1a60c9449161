import { AsyncLocalStorage } from 'node:async_hooks';
import { tracingChannel, type TracingChannel } from 'node:diagnostics_channel';
import { OPERATIONS } from '../../lib/opentelemetry/operations.js';

const STAGES = ['start', 'end', 'error', 'asyncStart', 'asyncEnd'] as const;

type Name = (typeof OPERATIONS)[number];
type Stage = (typeof STAGES)[number];

/** An operation that was traced. */
export interface TracedOperation {
  readonly name: Name;
  readonly event: Readonly<Record<string, unknown>>;
  /** The operation in which it began. */
  readonly parent: TracedOperation | undefined;
  /** The messages that were published about it, in order. */
  readonly stages: Stage[];
}

/** A subscriber of all channels, which tells operations apart by their events. */
export class TraceRecorder {
  /** All operations, in the order of their beginning. */
  readonly operations: TracedOperation[] = [];
  readonly #running = new AsyncLocalStorage<TracedOperation>();
  readonly #stops: (() => void)[] = [];

  constructor() {
    for (const name of OPERATIONS) this.#listen(name, tracingChannel(`wx-cloud-storage:${name}`));
  }

  of(name: Name): readonly TracedOperation[] {
    return this.operations.filter(operation => operation.name === name);
  }

  eventsOf(name: Name): readonly object[] {
    return this.of(name).map(({ event }) => event);
  }

  /** The names of an operation and all that it belongs to, from the outermost one. */
  pathOf({ name, event, parent }: TracedOperation): string {
    const own = name === 'request' ? String(event['endpoint']) : name;
    return parent === undefined ? own : `${this.pathOf(parent)} > ${own}`;
  }

  stop(): void {
    for (const stop of this.#stops) stop();
  }

  #listen(name: Name, channel: TracingChannel): void {
    const begin = (message: unknown): TracedOperation => {
      const event = message as TracedOperation['event'];
      const operation = { name, event, parent: this.#running.getStore(), stages: [] };
      this.operations.push(operation);
      return operation;
    };
    channel.start.bindStore(this.#running, begin);
    this.#stops.push(() => channel.start.unbindStore(this.#running));
    for (const stage of STAGES) {
      const listener = (message: unknown): void =>
        void this.operations.find(({ event }) => event === message)?.stages.push(stage);
      channel[stage].subscribe(listener);
      this.#stops.push(() => channel[stage].unsubscribe(listener));
    }
  }
}

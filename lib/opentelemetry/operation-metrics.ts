import type { Context, Counter, Histogram, Meter, UpDownCounter } from '@opentelemetry/api';
import { attributesOf, type Operation, type OperationEvent } from './operations.js';

/** As the conventions for HTTP clients have it, and up to the longest time limits by default. */
const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60];
/** From 1 KiB to 4 GiB. */
const BYTES = Array.from({ length: 12 }, (_, index) => 1_024 * 4 ** index);
const TRIES = [1, 2, 3, 5, 8];

const OF_REQUESTS = ['endpoint', 'method', 'status', 'code'] as const;
const OF_OPERATIONS = ['env', 'wasLeft', 'code'] as const;
const OF_TRIES = ['env', 'code'] as const;
const OF_PENDING = ['env'] as const;
const OF_TOKENS = ['env', 'type', 'code'] as const;

/** An upload that was recorded as pending, or has ended. */
interface PendingMessage {
  readonly env: string;
  /** Stands for the upload. */
  readonly upload: object;
  readonly isPending: boolean;
}

/** The metrics of operations. */
export class OperationMetrics {
  readonly #operations: Histogram;
  readonly #requests: Histogram;
  readonly #sizes: Histogram;
  readonly #tries: Histogram;
  readonly #tokens: Counter;
  readonly #pending: UpDownCounter;
  /** The environments of uploads that are counted, and have not ended yet. */
  readonly #counted = new Map<object, string>();

  constructor(meter: Meter) {
    this.#operations = meter.createHistogram('wx_cloud.operation.duration', {
      description: 'Duration of operations.',
      unit: 's',
      advice: { explicitBucketBoundaries: SECONDS },
    });
    this.#requests = meter.createHistogram('wx_cloud.request.duration', {
      description: 'Duration of HTTP requests to WeChat and COS until the head of the response.',
      unit: 's',
      advice: { explicitBucketBoundaries: SECONDS },
    });
    this.#sizes = meter.createHistogram('wx_cloud.transfer.size', {
      description: 'Bytes of uploads and downloads that have not failed.',
      unit: 'By',
      advice: { explicitBucketBoundaries: BYTES },
    });
    this.#tries = meter.createHistogram('wx_cloud.upload.tries', {
      description: 'Number of attempts to send an object.',
      unit: '{try}',
      advice: { explicitBucketBoundaries: TRIES },
    });
    this.#tokens = meter.createCounter('wx_cloud.token.fetches', {
      description: 'Number of fetches of access tokens.',
      unit: '{fetch}',
    });
    this.#pending = meter.createUpDownCounter('wx_cloud.pending.files', {
      description: 'Number of uploads that are recorded and not answered yet.',
      unit: '{file}',
    });
  }

  /** Records an operation that has ended. Exemplars lead to its span by the context. */
  record(operation: Operation, event: OperationEvent, within: Context): void {
    const { durationMs = 0, size, tries, code } = event;
    const seconds = durationMs / 1_000;
    if (operation === 'request') {
      return this.#requests.record(seconds, attributesOf(event, OF_REQUESTS), within);
    }
    const about = attributesOf(event, OF_OPERATIONS);
    about['wx_cloud.operation'] = operation;
    this.#operations.record(seconds, about, within);
    const isTransfer = operation === 'upload' || operation === 'download';
    // Without a code, both have the same attributes.
    if (isTransfer && code === undefined && size !== undefined) {
      this.#sizes.record(size, about, within);
    }
    if (tries !== undefined) this.#tries.record(tries, attributesOf(event, OF_TRIES), within);
    if (operation === 'token') this.#tokens.add(1, attributesOf(event, OF_TOKENS), within);
  }

  /** Counts an upload while it is pending. One from before the start does not count. */
  countPending({ env, upload, isPending }: PendingMessage): void {
    if (isPending) {
      this.#counted.set(upload, env);
      this.#pending.add(1, attributesOf({ env }, OF_PENDING));
    } else if (this.#counted.delete(upload)) {
      this.#pending.add(-1, attributesOf({ env }, OF_PENDING));
    }
  }

  /** Takes back what would be counted for ever, as its end is not heard of. */
  stop(): void {
    for (const env of this.#counted.values())
      this.#pending.add(-1, attributesOf({ env }, OF_PENDING));
    this.#counted.clear();
  }
}

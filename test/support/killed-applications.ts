import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';

import type { WxCloudEmulator } from '../../lib/emulator/index.js';
import type { WxCloudUploadForm } from '../../lib/index.js';
import { makeForm, pngOfSize } from './forms.js';
import { Random } from './hostile-forms/random.js';

/** Steps of the store's calls, around each of them. */
const STORE_STEPS = ['before add', 'after add', 'before settle', 'after settle'];
/** Steps of the requests to the cloud. */
const CLOUD_STEPS = ['create', 'bodySent', 'headers', 'trailers'];
/** Most steps of requests to the cloud that are skipped, as an exchange has several of them. */
const MOST_SKIPPED = 2;
const REQUEST_MS = 30_000;
/** Time in which the end of a process is noticed. */
const END_MS = 150;
const ADAPTERS = ['express', 'fastify'];

/** The step at which a process kills itself, after having passed it `skip` times. */
interface KillPlan {
  readonly step: string;
  readonly skip: number;
  /**
   * True ends the plan once files are settled: what is settled before the application has recorded
   * it is the application's to find again.
   */
  readonly isOverWhenSettled: boolean;
}

/** One kind of requests. */
interface Exchange {
  readonly steps: readonly string[];
  /** True where the application records files after they were settled. */
  readonly recordsLate?: boolean;
  run(process: KilledProcess, book: KillBook, plan: KillPlan | undefined): Promise<void>;
}

/** The files that clients and the application know of. */
class KillBook {
  /** Files that the application has recorded. */
  readonly recorded = new Set<string>();
  /** Files whose answer has arrived. */
  readonly promised = new Set<string>();
  /** Files whose deletion was requested. */
  readonly unwanted = new Set<string>();
  /** Number of kills at each step. */
  readonly kills = new Map<string, number>();
  #held: Promise<void> = Promise.resolve();

  /** Records files, as soon as records are taken. */
  async record(fileIds: readonly string[]): Promise<void> {
    await this.#held;
    for (const fileId of fileIds) this.recorded.add(fileId);
  }

  /** Takes no records until the returned function is called. */
  holdRecords(): () => void {
    let release = (): void => {};
    this.#held = new Promise(resolve => (release = resolve));
    return release;
  }

  /** Files of the storage that nobody knows of, and promised files that are gone. */
  compare(objects: WxCloudEmulator['objects']): {
    readonly orphans: readonly string[];
    readonly lost: readonly string[];
  } {
    const stored = new Set(objects.map(({ fileId }) => fileId));
    const isKnown = (fileId: string): boolean =>
      this.recorded.has(fileId) || this.unwanted.has(fileId);
    return {
      orphans: [...stored].filter(fileId => !isKnown(fileId)),
      lost: [...this.promised].filter(fileId => !stored.has(fileId) && !this.unwanted.has(fileId)),
    };
  }
}

/** Applications in processes of their own that are killed in the middle of requests. */
export class KilledApplications {
  readonly book = new KillBook();
  readonly #emulator: WxCloudEmulator;
  readonly #redisUrl: string;
  readonly #lanes: readonly { readonly random: Random; readonly adapterName: string }[];
  readonly #processes = new Set<KilledProcess>();
  #isClosed = false;

  /** Starts none yet. */
  constructor(parts: {
    readonly emulator: WxCloudEmulator;
    readonly redisUrl: string;
    readonly seed: number;
    readonly count: number;
  }) {
    this.#emulator = parts.emulator;
    this.#redisUrl = parts.redisUrl;
    const random = new Random(parts.seed);
    this.#lanes = Array.from({ length: parts.count }, (_, index) => ({
      random: new Random(random.whole(0, 2 ** 31)),
      adapterName: ADAPTERS[index % ADAPTERS.length] ?? 'express',
    }));
  }

  /** Starts a process that the caller uses. */
  async start(adapterName = 'express'): Promise<KilledProcess> {
    const parts = { options: this.#emulator.options, redisUrl: this.#redisUrl, adapterName };
    const process = await KilledProcess.start(parts, this.book);
    this.#processes.add(process);
    return process;
  }

  /** Kills this many processes, one after the other in each lane, the lanes beside each other. */
  async kill(count: number): Promise<void> {
    let left = count;
    await Promise.all(
      this.#lanes.map(async ({ random, adapterName }) => {
        while (left > 0 && !this.#isClosed) {
          left -= 1;
          await this.#killOne(random, adapterName);
        }
      }),
    );
  }

  /**
   * Uploads files, which the application records once `meanwhile` has resolved. Resolves with the
   * number of promised ones.
   */
  async holdAndRelease(
    process: KilledProcess,
    count: number,
    meanwhile: () => Promise<void>,
  ): Promise<number> {
    const before = this.book.promised.size;
    const release = this.book.holdRecords();
    const uploads = Array.from({ length: count }, async () =>
      promise(this.book, await process.ask('POST', 'files', filesOf([100]))),
    );
    await meanwhile();
    release();
    await Promise.all(uploads);
    return this.book.promised.size - before;
  }

  /** Ends all processes. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#processes].map(process => process.kill()));
  }

  async #killOne(random: Random, adapterName: string): Promise<void> {
    const process = await this.start(adapterName);
    const { book } = this;
    if (random.next() < 0.5) await random.pick(EXCHANGES).run(process, book, undefined);
    const exchange = random.pick(EXCHANGES);
    const step = random.pick(exchange.steps);
    const skip = CLOUD_STEPS.includes(step) ? random.whole(0, MOST_SKIPPED) : 0;
    const plan = { step, skip, isOverWhenSettled: exchange.recordsLate === true };
    await exchange.run(process, book, plan);
    const isPlanned = await process.kill();
    const name = isPlanned ? step : 'after the request';
    book.kills.set(name, (book.kills.get(name) ?? 0) + 1);
    this.#processes.delete(process);
  }
}

/** One application. */
class KilledProcess {
  readonly #child: ChildProcess;
  readonly #url: string;
  readonly #exit: Promise<unknown>;

  private constructor(child: ChildProcess, url: string) {
    this.#child = child;
    this.#url = url;
    this.#exit = once(child, 'exit');
  }

  static async start(parts: object, book: KillBook): Promise<KilledProcess> {
    const child = fork('test/support/programs/killed-process.mjs', [JSON.stringify(parts)], {
      execArgv: [],
    });
    child.on('message', (message: { readonly id?: number; readonly recorded?: string[] }) => {
      if (message.recorded === undefined) return;
      // The process may be gone.
      void book
        .record(message.recorded)
        .then(() => child.send({ acknowledged: message.id }, () => {}));
    });
    const [{ url }] = (await once(child, 'message')) as [{ url: string }];
    return new KilledProcess(child, url);
  }

  /** Sets the step of the kill. */
  async plan(plan: KillPlan | undefined): Promise<void> {
    if (plan === undefined) return;
    const planned = new Promise<void>(resolve => {
      const onMessage = (message: object): void => {
        if (!('planned' in message)) return;
        this.#child.off('message', onMessage);
        resolve();
      };
      this.#child.on('message', onMessage);
    });
    this.#child.send({ plan });
    await planned;
  }

  /** Sends a request. Resolves with the body of a success; undefined for anything else. */
  async ask(method: string, path: string, body?: FormData | object): Promise<unknown> {
    const isForm = body instanceof FormData || body === undefined;
    const init = isForm
      ? { ...(body && { body }) }
      : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
    try {
      const signal = AbortSignal.timeout(REQUEST_MS);
      const response = await fetch(`${this.#url}/${path}`, { ...init, method, signal });
      const answer: unknown = await response.json();
      return response.ok ? answer : undefined;
    } catch {
      // The process was killed before its answer was whole.
      return undefined;
    }
  }

  /** Ends it. Resolves with true if it has killed itself before. */
  async kill(): Promise<boolean> {
    // The system reports an end a moment later.
    const hasEnded = await Promise.race([this.#exit.then(() => true), delay(END_MS, false)]);
    this.#child.kill('SIGKILL');
    await this.#exit;
    return hasEnded;
  }
}

function promise(book: KillBook, answer: unknown): void {
  const { fileIds = [] } = (answer ?? {}) as { readonly fileIds?: readonly string[] };
  for (const fileId of fileIds) book.promised.add(fileId);
}

/** A form with files of a few sizes. */
function filesOf(sizes: readonly number[]): FormData {
  return makeForm(sizes.map(size => ({ field: 'file', file: pngOfSize(size) })));
}

function uploadTo(path: string, sizes: readonly number[], steps: readonly string[]): Exchange {
  return {
    steps: [...STORE_STEPS, ...CLOUD_STEPS, ...steps],
    run: async (process, book, plan) => {
      await process.plan(plan);
      promise(book, await process.ask('POST', path, filesOf(sizes)));
    },
  };
}

/** Posts a file with a form, past the application. */
async function postForm({ url, fields }: WxCloudUploadForm): Promise<void> {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  form.append('file', new Blob(['posted by a client']));
  const response = await fetch(url, { method: 'POST', body: form });
  await response.arrayBuffer();
}

function directUpload(plannedPath: 'forms' | 'confirmed'): Exchange {
  return {
    recordsLate: true,
    steps: ['before add', 'after add', 'before settle', ...CLOUD_STEPS],
    run: async (process, book, plan) => {
      const planFor = (path: string) => (path === plannedPath ? plan : undefined);
      await process.plan(planFor('forms'));
      const form = (await process.ask('POST', 'forms')) as WxCloudUploadForm | undefined;
      if (form === undefined) return;
      await postForm(form);
      await process.plan(planFor('confirmed'));
      const { fileId, ticket } = form;
      promise(book, await process.ask('POST', 'confirmed', { fileId, ticket }));
    },
  };
}

const EXCHANGES: readonly Exchange[] = [
  uploadTo('files', [100], ['recorded', 'answered']),
  uploadTo('files', [90_000, 200, 2_000], ['recorded', 'answered']),
  uploadTo('files', [1_500_000], ['recorded', 'answered']),
  uploadTo('refused', [70_000, 300], ['answered']),
  {
    recordsLate: true,
    steps: ['before add', 'after add', 'before settle', ...CLOUD_STEPS],
    run: async (process, book, plan) => {
      await process.plan(plan);
      promise(book, await process.ask('POST', 'texts', { text: 'written by the application' }));
    },
  },
  directUpload('forms'),
  directUpload('confirmed'),
  {
    steps: [...CLOUD_STEPS, 'answered'],
    run: async (process, book, plan) => {
      const fileId = [...book.promised].find(each => !book.unwanted.has(each)) ?? 'none';
      book.unwanted.add(fileId);
      await process.plan(plan);
      await process.ask('DELETE', `files?fileId=${encodeURIComponent(fileId)}`);
    },
  },
];

import { equal } from 'node:assert/strict';
import {
  BadRequestException,
  Controller,
  Param,
  Post,
  UploadedFile,
  UseInterceptors,
} from '@nestjs/common';
import * as fc from 'fast-check';
import {
  WxCloudFileInterceptor,
  WxCloudStorageService,
  type WxCloudHttpRequest,
  type WxCloudUploadedFile,
} from '../../../../lib/index.js';
import { makeForm, PNG } from '../../../support/forms.js';
import { until } from '../../../support/until.js';
import type { EdgeApplication } from './edge-application.js';

/** The maximum number of concurrent requests. */
const MOST_REQUESTS = 4;

/** Few different contents, so that uploads often have the same bytes. */
const IMAGES = [PNG, Buffer.concat([PNG, Buffer.from('another')])] as const;
const TEXT = Buffer.from('what no rule allows');

/** An upload through the application: stored in the first step, ended in the second. */
interface UploadPlan {
  readonly kind: 'upload';
  /** A path of its own, or one that all of this kind share. */
  readonly path: 'unique' | 'shared';
  readonly image: 0 | 1;
  /** The response to the first try is lost, so that the object is stored twice. */
  readonly isResponseLost: boolean;
  /** The handler succeeds or throws, or the client leaves before. */
  readonly end: 'success' | 'throw' | 'leave';
}

/** A direct upload: posted in the first step, then confirmed, then replaced and confirmed again. */
interface FormPlan {
  readonly kind: 'form';
  readonly isAllowed: boolean;
  readonly ticket: 'own' | 'none' | 'foreign';
}

/** Deletes a file that an earlier request has confirmed. */
interface DeletePlan {
  readonly kind: 'delete';
  readonly which: number;
}

/** The properties of a request. */
type Plan = UploadPlan | FormPlan | DeletePlan;

const STEPS = { upload: 2, form: 3, delete: 1 } as const;

const uploadPlan: fc.Arbitrary<UploadPlan> = fc.record({
  kind: fc.constant('upload' as const),
  path: fc.constantFrom('unique' as const, 'shared' as const),
  image: fc.constantFrom(0 as const, 1 as const),
  isResponseLost: fc.boolean(),
  end: fc.constantFrom('success' as const, 'throw' as const, 'leave' as const),
});
const formPlan: fc.Arbitrary<FormPlan> = fc.record({
  kind: fc.constant('form' as const),
  isAllowed: fc.boolean(),
  ticket: fc.constantFrom('own' as const, 'none' as const, 'foreign' as const),
});
const deletePlan: fc.Arbitrary<DeletePlan> = fc.record({
  kind: fc.constant('delete' as const),
  which: fc.nat({ max: MOST_REQUESTS }),
});

/** Some requests, and the order of their steps. */
export interface Schedule {
  readonly plans: readonly Plan[];
  readonly order: readonly number[];
}

/** Every schedule of a few requests. */
export const schedules: fc.Arbitrary<Schedule> = fc
  .array(
    fc.oneof({ arbitrary: uploadPlan, weight: 4 }, { arbitrary: formPlan, weight: 2 }, deletePlan),
    { minLength: 1, maxLength: MOST_REQUESTS },
  )
  .chain(plans => {
    const turns = plans.flatMap(({ kind }, index) => Array<number>(STEPS[kind]).fill(index));
    const order = fc.shuffledSubarray(turns, { minLength: turns.length });
    return fc.record({ plans: fc.constant(plans), order });
  });

/** A handler that has its file and waits for its instruction. */
interface WaitingHandler {
  readonly fileId: string;
  finish(isSuccess: boolean): void;
}

const handlers = new Map<string, WaitingHandler>();

/** The routes that the requests go to. */
@Controller()
export class FilesController {
  @Post('files/:path/:id')
  @UseInterceptors(
    WxCloudFileInterceptor('file', {
      path: ({ uuid }, request: WxCloudHttpRequest & { readonly url: string }) =>
        request.url.includes('/shared/') ? 'shared.png' : `unique/${uuid}.png`,
    }),
  )
  async create(@Param('id') id: string, @UploadedFile() { fileId }: WxCloudUploadedFile) {
    const isSuccess = await new Promise<boolean>(finish => handlers.set(id, { fileId, finish }));
    if (!isSuccess) throw new BadRequestException();
    return { fileId };
  }
}

/** The confirmed files, and the objects that the storage must have. */
class Model {
  /** By file ID, the content that was stored there last. */
  readonly objects = new Map<string, Buffer>();
  readonly promised: string[] = [];
  /** Failed requests whose objects another request may have stored as well. */
  readonly orphans: string[] = [];
}

/** The steps of one request, each with what the model then expects. */
type Steps = readonly (() => Promise<void>)[];

/** Runs the requests of a schedule step by step against an application and a model. */
class Requests {
  readonly #application: EdgeApplication;
  readonly #storage: WxCloudStorageService;
  readonly model = new Model();

  constructor(application: EdgeApplication) {
    this.#application = application;
    this.#storage = application.app.get(WxCloudStorageService, { strict: false });
  }

  stepsOf(plan: Plan, id: string): Steps {
    if (plan.kind === 'upload') return this.#upload(plan, id);
    return plan.kind === 'form' ? this.#form(plan) : [() => this.#delete(plan)];
  }

  #upload({ path, image, isResponseLost, end }: UploadPlan, id: string): Steps {
    const { url, emulator, onOrphan } = this.#application;
    const { objects, promised, orphans } = this.model;
    const client = new AbortController();
    let responding: Promise<Response | undefined>;
    const store = async (): Promise<void> => {
      const effect = { kind: 'reset', at: 'answer' } as const;
      if (isResponseLost) emulator.faults.add({ operation: 'post-object', effect });
      const body = makeForm([{ field: 'file', file: IMAGES[image] }]);
      const init = { method: 'POST', body, signal: client.signal };
      responding = fetch(`${url}/files/${path}/${id}`, init).catch(() => undefined);
      await until(() => handlers.has(id), `the handler of request ${id}`);
      objects.set(handlerOf(id).fileId, IMAGES[image]);
    };
    const finish = async (): Promise<void> => {
      const { fileId, finish: respondWith } = handlerOf(id);
      const told = onOrphan.mock.calls.length;
      if (end === 'leave') client.abort();
      else respondWith(end === 'success');
      const response = await responding;
      equal(response?.status, { success: 201, throw: 400, leave: undefined }[end]);
      if (end === 'success') promised.push(fileId);
      else if (path === 'unique') objects.delete(fileId);
      else orphans.push(fileId);
      const isCleanedUp = (): boolean =>
        path === 'unique' ? !this.#stored().has(fileId) : onOrphan.mock.calls.length > told;
      if (end === 'leave') await until(isCleanedUp, `the clean-up of request ${id}`);
      respondWith(true);
    };
    return [store, finish];
  }

  #form({ isAllowed, ticket: kind }: FormPlan): Steps {
    const { objects, promised } = this.model;
    let form: Awaited<ReturnType<WxCloudStorageService['createUploadForm']>>;
    let isConfirmed = false;
    const post = async (content: Buffer): Promise<void> => {
      const body = new FormData();
      for (const [name, value] of Object.entries(form.fields)) body.append(name, value);
      body.append('file', new Blob([new Uint8Array(content)]));
      equal((await fetch(form.url, { method: 'POST', body })).ok, true);
      objects.set(form.fileId, content);
    };
    const ticketOf = async (): Promise<string | undefined> => {
      if (kind === 'foreign') return (await this.#storage.createUploadForm('posted/')).ticket;
      return kind === 'own' ? form.ticket : undefined;
    };
    const confirm = async (): Promise<boolean> => {
      const options = { ticket: await ticketOf(), contentTypes: ['image/*'] };
      const confirmed = this.#storage.confirmUpload(form.fileId, options);
      return confirmed.then(
        () => true,
        () => false,
      );
    };
    return [
      async () => {
        form = await this.#storage.createUploadForm('posted/', { contentType: 'image/png' });
        await post(isAllowed ? PNG : TEXT);
      },
      async () => {
        isConfirmed = await confirm();
        equal(isConfirmed, isAllowed && kind !== 'foreign');
        if (isConfirmed) promised.push(form.fileId);
        else if (!isAllowed && kind === 'own') objects.delete(form.fileId);
      },
      async () => {
        await post(TEXT);
        equal(await confirm(), false);
        if (!isConfirmed && kind === 'own') objects.delete(form.fileId);
      },
    ];
  }

  async #delete({ which }: DeletePlan): Promise<void> {
    const { objects, promised } = this.model;
    const fileId = promised[which % Math.max(1, promised.length)];
    if (fileId === undefined) return;
    await this.#storage.delete(fileId);
    objects.delete(fileId);
  }

  #stored(): ReadonlySet<string> {
    return new Set(this.#application.emulator.objects.map(({ fileId }) => fileId));
  }

  /** Compares the stored and reported files with the model. */
  async check(): Promise<void> {
    const { emulator, onOrphan } = this.#application;
    const { objects, orphans } = this.model;
    equal(listed(this.#stored()), listed(objects.keys()));
    for (const { fileId, cloudPath } of emulator.objects) {
      const expected = objects.get(fileId) ?? Buffer.alloc(0);
      equal((await emulator.readObject(cloudPath)).equals(expected), true);
    }
    const reported = onOrphan.mock.calls.flatMap(([fileIds]) => fileIds);
    equal(listed(reported), listed(orphans));
  }
}

/** As one text: arrays of the test runner's realm and of Node's never count as equal. */
function listed(fileIds: Iterable<string>): string {
  return [...fileIds].toSorted().join('\n');
}

function handlerOf(id: string): WaitingHandler {
  const handler = handlers.get(id);
  if (handler === undefined) throw new Error(`Request ${id} has not come to its handler.`);
  return handler;
}

/** Runs the requests of a schedule, each step after the one before, and checks what is left. */
export async function runSchedule(
  application: EdgeApplication,
  { plans, order }: Schedule,
): Promise<void> {
  await application.emulator.reset();
  application.onOrphan.mockClear();
  handlers.clear();
  const requests = new Requests(application);
  const turns = plans.map((plan, index) => requests.stepsOf(plan, String(index)).values());
  for (const index of order) await turns[index]?.next().value?.();
  await requests.check();
}

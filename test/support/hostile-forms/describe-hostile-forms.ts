import { createHash } from 'node:crypto';
import { Controller, Post, UploadedFiles, UseInterceptors } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { WxCloudAnyFilesInterceptor, type WxCloudUploadedFile } from '../../../lib/index.js';
import {
  expectNothingLeft,
  startEdgeApplication,
  type EdgeApplication,
} from '../../e2e/http/support/edge-application.js';
import { ADAPTERS } from '../adapters.js';
import { until } from '../until.js';
import type { HostileForm } from './hostile-form.js';
import { sendForm, type FormResponse } from './send-form.js';

@Controller()
class FormsController {
  @Post('forms')
  @UseInterceptors(WxCloudAnyFilesInterceptor({ required: false }))
  create(@UploadedFiles() files: WxCloudUploadedFile[] = []) {
    return files.map(({ cloudPath }) => cloudPath);
  }
}

/** More than a machine stands still that does much else. */
const IDLE_MS = 600_000;
const BATCH = 100;
const AT_ONCE = 8;

/** The problems of the responses to some forms. */
type Problems = readonly string[];

/** The forms that are sent, and what made them. */
export interface HostileFormSet {
  readonly forms: readonly HostileForm[];
  /** Makes the same forms again; named with every problem. */
  readonly seed: number;
}

/** Adds tests that send forms to an application on each adapter and check every response. */
export function describeHostileForms({ forms, seed }: HostileFormSet): void {
  describe.each(ADAPTERS)('hostile forms on $name', adapter => {
    describeFormsOn(adapter, { forms, seed });
  });
}

function describeFormsOn(
  adapter: (typeof ADAPTERS)[number],
  { forms, seed }: HostileFormSet,
): void {
  let application: EdgeApplication;
  const statuses = new Map<string, Set<number | undefined>>();
  beforeAll(async () => {
    application = await startEdgeApplication({
      adapter,
      controllers: [FormsController],
      options: { timeouts: { idleMs: IDLE_MS } },
    });
  });
  afterAll(() => application.close());

  /** Sends forms, some at a time, checks each response, then that only confirmed files are left. */
  const sendBatch = async (first: number): Promise<Problems> => {
    const { emulator } = application;
    const waiting = [...forms.slice(first, first + BATCH).entries()];
    const problems: string[] = [];
    const stored: string[] = [];
    const worker = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const [index, form] = next;
        const response = await sendForm(`${application.url}/forms`, form);
        const known = statuses.get(form.family) ?? new Set();
        statuses.set(form.family, known.add(response.status));
        const where = `form ${first + index} of seed ${seed}, ${form.family}: `;
        problems.push(...(await judge(form, response)).map(problem => where + problem));
        stored.push(...pathsOf(response));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    const isSettled = (): boolean => emulator.objects.length === stored.length;
    await until(isSettled, `${stored.length} objects after the forms from ${first} on`);
    problems.push(...emulator.objects.map(o => o.cloudPath).filter(path => !stored.includes(path)));
    await emulator.reset();
    return problems;
  };

  const judge = async (form: HostileForm, response: FormResponse): Promise<Problems> => {
    const { status } = response;
    if (form.isAbandoned === true) return [];
    if (status === undefined || status >= 500) return [`answered ${status}: ${response.body}`];
    if (status >= 400) return form.files === undefined ? [] : [`refused: ${response.body}`];
    const contents = await Promise.all(
      pathsOf(response).map(path => application.emulator.readObject(path)),
    );
    if (form.files !== undefined)
      return hashes(contents) === hashes(form.files) ? [] : ['other files'];
    return contents.every(content => form.body.includes(content)) ? [] : ['bytes it does not hold'];
  };

  it('cover every family', () => {
    expect(new Set(forms.map(({ family }) => family)).size).toBe(10);
  });

  it('end in success with the exact files, or in a rejection that leaves nothing', async () => {
    const problems: string[] = [];
    for (let first = 0; first < forms.length; first += BATCH) {
      problems.push(...(await sendBatch(first)));
    }

    expect(problems).toEqual([]);
    await expectNothingLeft(application);
  }, 900_000);

  const seen = (family: string): (number | undefined)[] =>
    [...(statuses.get(family) ?? [])].toSorted();

  it('are accepted and rejected in every family that may be either', () => {
    expect(seen('well-formed')).toEqual([201]);
    expect(seen('split')).toEqual([201]);
    expect(seen('trickled')).toEqual([201]);
    const either = ['mutated', 'heads', 'names', 'content types', 'oversized', 'truncated'];
    const found = either.map(family => ({ family, statuses: seen(family) }));
    const expected = either.map(family => ({
      family,
      statuses: expect.arrayContaining([201, 400]),
    }));
    expect(found).toEqual(expected);
    expect(seen('abandoned')).toEqual([undefined]);
  });
}

function pathsOf({ status, body }: FormResponse): string[] {
  return status === 201 ? (JSON.parse(body) as string[]) : [];
}

function hashes(contents: readonly Buffer[]): string {
  return contents.map(content => createHash('sha1').update(content).digest('hex')).join();
}

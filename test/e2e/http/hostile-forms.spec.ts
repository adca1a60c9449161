import { createHash } from 'node:crypto';
import { Controller, Post, UploadedFiles, UseInterceptors } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { WxCloudAnyFilesInterceptor, type WxCloudUploadedFile } from '../../../lib/index.js';
import { ADAPTERS } from '../../support/adapters.js';
import { hostileForms, type HostileForm } from '../../support/hostile-forms/index.js';
import { sendForm, type FormAnswer } from '../../support/hostile-forms/send-form.js';
import { until } from '../../support/until.js';
import {
  expectNothingLeft,
  startEdgeApplication,
  type EdgeApplication,
} from './support/edge-application.js';

@Controller()
class FormsController {
  @Post('forms')
  @UseInterceptors(WxCloudAnyFilesInterceptor({ required: false }))
  create(@UploadedFiles() files: WxCloudUploadedFile[] = []) {
    return files.map(({ cloudPath }) => cloudPath);
  }
}

const SEED = 20_261_123;
const FORMS = hostileForms(SEED);
const BATCH = 100;
const AT_ONCE = 8;

/** What was wrong with the answers to some forms. */
type Problems = readonly string[];

describe.each(ADAPTERS)('on $name, hostile forms', adapter => {
  let application: EdgeApplication;
  const statuses = new Map<string, Set<number | undefined>>();
  beforeAll(async () => {
    application = await startEdgeApplication({ adapter, controllers: [FormsController] });
  });
  afterAll(() => application.close());

  /** Sends forms, some at a time, and checks each answer; then that only what was answered for is left. */
  const sendBatch = async (first: number): Promise<Problems> => {
    const { emulator } = application;
    const waiting = [...FORMS.slice(first, first + BATCH).entries()];
    const problems: string[] = [];
    const stored: string[] = [];
    const worker = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const [index, form] = next;
        const answer = await sendForm(`${application.url}/forms`, form);
        const known = statuses.get(form.family) ?? new Set();
        statuses.set(form.family, known.add(answer.status));
        const where = `form ${first + index} of seed ${SEED}, ${form.family}: `;
        problems.push(...(await judge(form, answer)).map(problem => where + problem));
        stored.push(...pathsOf(answer));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    const isSettled = (): boolean => emulator.objects.length === stored.length;
    await until(isSettled, `${stored.length} objects after the forms from ${first} on`);
    problems.push(...emulator.objects.map(o => o.cloudPath).filter(path => !stored.includes(path)));
    await emulator.reset();
    return problems;
  };

  const judge = async (form: HostileForm, answer: FormAnswer): Promise<Problems> => {
    const { status } = answer;
    if (form.isAbandoned === true) return [];
    if (status === undefined || status >= 500) return [`answered ${status}: ${answer.body}`];
    if (status >= 400) return form.files === undefined ? [] : [`refused: ${answer.body}`];
    const contents = await Promise.all(
      pathsOf(answer).map(path => application.emulator.readObject(path)),
    );
    if (form.files !== undefined)
      return hashes(contents) === hashes(form.files) ? [] : ['other files'];
    return contents.every(content => form.body.includes(content)) ? [] : ['bytes it does not hold'];
  };

  it('are more than five thousand, of every family', () => {
    expect(FORMS.length).toBeGreaterThan(5_000);
    expect(new Set(FORMS.map(({ family }) => family)).size).toBe(10);
  });

  it('each end in a success with the very files, or in a refusal that leaves nothing', async () => {
    const problems: string[] = [];
    for (let first = 0; first < FORMS.length; first += BATCH) {
      problems.push(...(await sendBatch(first)));
    }

    expect(problems).toEqual([]);
    await expectNothingLeft(application);
  }, 300_000);

  const seen = (family: string): (number | undefined)[] =>
    [...(statuses.get(family) ?? [])].toSorted();

  it('are accepted and refused in every family that may be either', () => {
    expect(seen('well-formed')).toEqual([201]);
    expect(seen('split')).toEqual([201]);
    expect(seen('trickled')).toEqual([201]);
    for (const family of ['mutated', 'heads', 'names', 'content types', 'truncated', 'oversized']) {
      expect(seen(family)).toEqual(expect.arrayContaining([201, 400]));
    }
    expect(seen('abandoned')).toEqual([undefined]);
  });
});

function pathsOf({ status, body }: FormAnswer): string[] {
  return status === 201 ? (JSON.parse(body) as string[]) : [];
}

function hashes(contents: readonly Buffer[]): string {
  return contents.map(content => createHash('sha1').update(content).digest('hex')).join();
}

import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import type { Request } from 'playwright-core';
import { describeWithChromium } from '../../support/describe-with.js';
import { until } from '../../support/until.js';
import { cardNamed, pick, slowDown, untilTrue, useLabPages } from './support/lab-page.js';
import { useLabServer, type LabServer } from './support/lab-server.js';
import { makeImage } from './support/pictures.js';

const lab = useLabServer();

const FIRST_LEG_UNDER_WAY = `seenProgress.some(
  ({ leg, value }) => leg === 'application' && value > 0 && value < 100,
)`;
const SECOND_LEG_DONE = `document.querySelector('progress[data-leg=cloud]').value === 100`;

const isProgress = (request: Request): boolean => request.url().includes('/api/progress/');

/** Opens the route as an `EventSource` does; all events, when it has ended. */
async function watch({ url }: LabServer, id: string): Promise<() => Promise<readonly unknown[]>> {
  const response = await fetch(`${url}/api/progress/${id}`);
  return async () => {
    const lines = (await response.text()).split('\n').filter(line => line.startsWith('data: '));
    return lines.map(line => JSON.parse(line.slice('data: '.length)) as unknown);
  };
}

describe('the progress of an upload to the image lab', () => {
  it('is told to whoever knows its ID, until it is stored', async () => {
    const id = randomUUID();
    const image = await makeImage('png', 'a.png', 2_000);
    const readEvents = await watch(lab, id);

    await lab.upload(image, { 'X-Upload-Id': id });

    const events = await readEvents();
    const size = image.buffer.length;
    expect(events.at(-1)).toEqual({ type: 'end', outcome: 'stored' });
    expect(events.at(-2)).toEqual({
      type: 'progress',
      index: 0,
      fieldname: 'image',
      transferredBytes: size,
      totalBytes: size,
    });
    expect(events.length).toBeGreaterThan(2);
  });

  it('ends with a failure when the file is refused', async () => {
    const id = randomUUID();
    const { buffer, ...file } = await makeImage('png', 'a.png');
    const readEvents = await watch(lab, id);

    await lab.upload({ ...file, buffer: buffer.subarray(0, 9_000) }, { 'X-Upload-Id': id });

    expect((await readEvents()).at(-1)).toEqual({ type: 'end', outcome: 'failed' });
  });

  it('needs an ID that cannot be guessed', async () => {
    const response = await fetch(`${lab.url}/api/progress/7`);
    const upload = await lab.upload(await makeImage('png', 'a.png'), { 'X-Upload-Id': '7' });

    expect(response.status).toBe(400);
    expect([upload.status, upload.body['errorCode']]).toEqual([400, 'WX_CLOUD_FORM_INVALID']);
    expect(lab.emulator.objects).toEqual([]);
  });
});

describeWithChromium('the page of the image lab', () => {
  const { openPage } = useLabPages();

  it('shows both legs of an upload one after the other, before it is answered', async () => {
    const { page, problems } = await openPage(lab.url);
    await slowDown(page, 800_000);
    // The thumbnail, which is stored after the image and before the answer.
    lab.emulator.faults.add({
      operation: 'post-object',
      effect: { kind: 'delay', delayMs: 1_500 },
      after: 1,
    });

    await pick(page, await makeImage('png', 'legs.png', 1_500));
    await untilTrue(page, FIRST_LEG_UNDER_WAY);
    await page.locator('.upload[data-state=storing]').waitFor();
    await untilTrue(page, SECOND_LEG_DONE);

    expect(await page.locator('.upload').getAttribute('data-state')).toBe('storing');
    expect(await page.getByRole('progressbar').count()).toBe(2);
    await cardNamed(page, 'legs.png').waitFor();
    expect(problems).toEqual([]);
  });

  it('follows an upload under an ID that it makes up, and no longer than it takes', async () => {
    const { page } = await openPage(lab.url);
    const watched = page.waitForEvent('request', isProgress);
    const sent = page.waitForEvent('request', request => request.method() === 'POST');

    await pick(page, await makeImage('png', 'a.png'));
    await cardNamed(page, 'a.png').waitFor();
    await until(() => lab.streams.open === 0, 'the end of the events');

    const { 'x-upload-id': id } = await (await sent).allHeaders();
    expect(id).toMatch(/^[\da-f-]{36}$/);
    expect((await watched).url()).toBe(`${lab.url}/api/progress/${id}`);
    expect(lab.streams.asked).toBe(1);
  });

  it('sends a file also when nothing is told of its way', async () => {
    const { page } = await openPage(lab.url);
    await page.route('**/api/progress/**', route => route.abort());

    await pick(page, await makeImage('png', 'quiet.png'));

    await cardNamed(page, 'quiet.png').waitFor();
    expect(await page.locator('.upload').getAttribute('data-state')).toBe('stored');
  });
});

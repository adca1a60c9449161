import { expect, it } from '@jest/globals';
import type { Request } from 'playwright-core';
import { until } from '../../../support/until.js';
import {
  cardNamed,
  pick,
  slowDown,
  untilTrue,
  uploadsOf,
  type PageTools,
} from '../../../support/image-lab/lab-page.js';
import { makeImage } from '../../../support/image-lab/pictures.js';

const LEGS_AT_ONCE = `seenProgress.some(
  ({ leg, value }, at) =>
    leg === 'cloud' &&
    value > 0 &&
    !seenProgress.slice(0, at).some(other => other.leg === 'application' && other.value === 100),
)`;
const SECOND_LEG_DONE = `document.querySelector('progress[data-leg=cloud]').value === 100`;

const isProgress = (request: Request): boolean => request.url().includes('/api/progress/');

/** The progress of an upload on the page. */
export function describeProgress({ lab, openPage }: PageTools): void {
  it('shows both legs of an upload at the same time, before its response', async () => {
    const { page, problems } = await openPage(lab.url);
    await slowDown(page, 800_000);
    // The thumbnail, which is stored after the image and before the response.
    lab.emulator.faults.add({
      operation: 'post-object',
      effect: { kind: 'delay', delayMs: 1_500 },
      after: 1,
    });

    await pick(page, await makeImage('png', 'legs.png', 1_500));
    await untilTrue(page, LEGS_AT_ONCE);
    await page.locator('.upload[data-state=storing]').waitFor();
    await untilTrue(page, SECOND_LEG_DONE);

    expect(await uploadsOf(page).getAttribute('data-state')).toBe('storing');
    expect(await uploadsOf(page).getByRole('progressbar').count()).toBe(2);
    await cardNamed(page, 'legs.png').waitFor();
    expect(problems).toEqual([]);
  });

  it('follows an upload under a generated ID, and no longer than it takes', async () => {
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
}

import { expect, it } from '@jest/globals';
import {
  cardNamed,
  cardsOf,
  openDirect,
  pick,
  slowDown,
  untilTrue,
  uploadsOf,
  type PageTools,
} from '../../../../support/image-lab/lab-page.js';
import { makeImage } from '../../../../support/image-lab/pictures.js';

/** Uploads from the browser to the cloud, and what can go wrong with them. */
export function describeDirectUploads(tools: PageTools): void {
  const { lab, openPage } = tools;

  it('shows how far it is, and until when the form is good', async () => {
    const { page } = await openDirect(tools);
    await slowDown(page, 400_000);

    await pick(page, await makeImage('png', 'slow.png', 1_200));
    await page.getByText(/form valid until \d\d:\d\d:\d\d/).waitFor();
    await untilTrue(
      page,
      "seenProgress.some(({ leg, value }) => leg === 'cloud' && value > 0 && value < 100)",
    );
    expect(await page.getByRole('progressbar').getAttribute('aria-label')).toBe(
      'slow.png: from the browser straight to cloud storage',
    );
    await cardNamed(page, 'slow.png').waitFor();

    expect(await page.evaluate('seenProgress.at(-1).value')).toBe(100);
  });

  it('says that the cloud did not take a file, and tries again', async () => {
    const { page } = await openDirect(tools);
    lab.emulator.faults.add({ operation: 'post-object', effect: { kind: 'status', status: 503 } });

    await pick(page, await makeImage('png', 'again.png'));
    await uploadsOf(page).getByText('Cloud storage did not answer').waitFor();
    await page.getByRole('button', { name: 'Upload again.png again' }).click();
    await cardNamed(page, 'again.png').waitFor();

    expect(await uploadsOf(page).count()).toBe(0);
  });

  it('says that the cloud cannot be reached', async () => {
    const { page } = await openDirect(tools);
    lab.emulator.faults.add({
      operation: 'post-object',
      effect: { kind: 'reset', at: 'request' },
      times: 9,
    });

    await pick(page, await makeImage('png', 'a.png'));
    await uploadsOf(page).getByText('The browser cannot reach cloud storage').waitFor();

    expect(await page.locator('#offline').isVisible()).toBe(false);
  });

  it('leaves nothing of an upload that is cancelled', async () => {
    const { page } = await openDirect(tools);
    await slowDown(page, 20_000);

    await pick(page, await makeImage('png', 'a.png'));
    await untilTrue(page, 'seenProgress.some(({ value }) => value > 0)');
    await page.getByRole('button', { name: 'Cancel the upload of a.png' }).click();
    await page.locator('.upload[data-state=cancelled]').waitFor();

    expect(lab.emulator.objects).toEqual([]);
    expect(await cardsOf(page).count()).toBe(0);
  });

  it('is sent through the application also when nothing is told of its way', async () => {
    const { page } = await openPage(lab.url);
    await page.route('**/api/progress/**', route => route.abort());

    await pick(page, await makeImage('png', 'quiet.png'));
    await cardNamed(page, 'quiet.png').waitFor();

    expect(await uploadsOf(page).count()).toBe(0);
  });
}

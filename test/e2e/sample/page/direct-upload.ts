import { expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { until } from '../../../support/until.js';
import {
  ALL_THUMBNAILS_SHOW,
  cardNamed,
  cardsOf,
  pick,
  slowDown,
  untilTrue,
  type PageTools,
} from '../support/lab-page.js';
import { makeImage } from '../support/pictures.js';

/** Uploads from the browser to the cloud. */
export function describeDirectUploads({ lab, openPage }: PageTools): void {
  const openDirect = async (): Promise<Page> => {
    const { page } = await openPage(lab.url);
    await page.getByRole('switch', { name: 'Straight to the cloud' }).check();
    return page;
  };

  it('posts the file to the cloud itself: nothing of it comes to the application', async () => {
    const image = await makeImage('png', 'straight.png', 4_000);
    const { page, problems } = await openPage(lab.url);
    await page.getByRole('switch', { name: 'Straight to the cloud' }).check();

    await pick(page, image);
    await cardNamed(page, 'straight.png').waitFor();
    await untilTrue(page, ALL_THUMBNAILS_SHOW);

    const posts = lab.emulator.journal.filter(({ operation }) => operation === 'post-object');
    expect(posts.filter(({ origin }) => origin !== undefined)).toEqual([
      expect.objectContaining({ origin: lab.url, method: 'POST', status: 204 }),
    ]);
    expect(posts[0]?.requestBytes).toBeGreaterThan(image.buffer.length);
    expect(image.buffer.length).toBeGreaterThan(1_000_000);
    expect(lab.receivedBytes).toBeLessThan(100_000);
    expect(problems).toEqual([]);
  });

  it('shows how far it is, and until when the form is good', async () => {
    const page = await openDirect();
    await slowDown(page, 400_000);

    await pick(page, await makeImage('png', 'slow.png', 1_200));
    await page.getByText(/form valid until \d\d:\d\d:\d\d/).waitFor();
    await untilTrue(
      page,
      "seenProgress.some(({ leg, value }) => leg === 'cloud' && value > 0 && value < 100)",
    );
    await page.locator('.upload[data-state=stored]').waitFor();

    const bar = page.getByRole('progressbar');
    expect(await bar.getAttribute('aria-label')).toBe(
      'slow.png: from the browser straight to cloud storage',
    );
    expect(await bar.getAttribute('value')).toBe('100');
  });

  it('explains a refused file, which is gone from the cloud', async () => {
    const page = await openDirect();

    await pick(page, { name: 'a.png', mimeType: 'image/png', buffer: Buffer.from('a text') });
    await page.locator('.upload').getByText('Not an image this lab takes').waitFor();

    expect(lab.emulator.journal.map(({ operation }) => operation)).toContain('post-object');
    await until(() => lab.emulator.objects.length === 0, 'an empty cloud');
    expect(await cardsOf(page).count()).toBe(0);
  });

  it('says that the cloud did not take a file, and tries again', async () => {
    const page = await openDirect();
    lab.emulator.faults.add({ operation: 'post-object', effect: { kind: 'status', status: 503 } });

    await pick(page, await makeImage('png', 'again.png'));
    await page.locator('.upload').getByText('Cloud storage did not answer').waitFor();
    await page.getByRole('button', { name: 'Upload again.png again' }).click();

    await cardNamed(page, 'again.png').waitFor();
    expect(await page.locator('.upload').getAttribute('data-state')).toBe('stored');
  });

  it('says that the cloud cannot be reached', async () => {
    const page = await openDirect();
    lab.emulator.faults.add({
      operation: 'post-object',
      effect: { kind: 'reset', at: 'request' },
      times: 9,
    });

    await pick(page, await makeImage('png', 'a.png'));

    await page.locator('.upload').getByText('The browser cannot reach cloud storage').waitFor();
    expect(await page.getByRole('alert').getByText('No connection').count()).toBe(0);
  });

  it('leaves nothing of an upload that is cancelled', async () => {
    const page = await openDirect();
    await slowDown(page, 20_000);

    await pick(page, await makeImage('png', 'a.png'));
    await untilTrue(page, 'seenProgress.some(({ value }) => value > 0)');
    await page.getByRole('button', { name: 'Cancel the upload of a.png' }).click();
    await page.locator('.upload[data-state=cancelled]').waitFor();

    expect(lab.emulator.objects).toEqual([]);
    expect(await cardsOf(page).count()).toBe(0);
  });
}

import { expect, it } from '@jest/globals';
import {
  cardNamed,
  isInSight,
  pick,
  slowDown,
  untilTrue,
  uploadsOf,
  type PageTools,
} from '../../../../support/image-lab/lab-page.js';
import { makeImage } from '../../../../support/image-lab/pictures.js';
import { hold, makeSmallImage, store } from './support.js';

/** A bad mobile network, in bytes a second and milliseconds. */
const UPLOAD = 60_000;
const REST = { downloadThroughput: 60_000, latency: 500 };

/** A page and uploads that take their time. */
export function describeSlowNetwork({ lab, openPage }: PageTools): void {
  it('says that the page is loading, in both languages, and then works', async () => {
    const { page, problems } = await openPage(lab.url);
    await slowDown(page, UPLOAD, REST);

    const scripts = await hold(page, '**/app.js', 'GET');
    await page.reload({ waitUntil: 'commit' });
    const loading = page.locator('.loading');
    await loading.waitFor();
    await page.locator('.column').waitFor({ state: 'hidden' });
    expect(await loading.textContent()).toBe('Loading… 正在加载…');
    expect(await isInSight(loading)).toBe(true);
    scripts.releaseAll();
    await page.getByText('No images yet').waitFor();
    expect(await loading.isVisible()).toBe(false);
    await pick(page, await makeSmallImage('a.png'));
    await cardNamed(page, 'a.png').waitFor();

    expect(problems).toEqual([]);
  });

  it('asks for all scripts and styles before the first of them has come', async () => {
    const { page } = await openPage(lab.url);
    await slowDown(page, UPLOAD, REST);
    const isPart = (url: string): boolean => /\.(js|css)$/.test(url);
    const asked: string[] = [];
    let askedAtFirstResponse: number | undefined;
    page.on('request', request => asked.push(...[request.url()].filter(isPart)));
    page.on('response', response => {
      const parts = [response.url()].filter(isPart);
      askedAtFirstResponse ??= [undefined, asked.length][parts.length];
    });

    await page.reload();
    await page.getByText('No images yet').waitFor();

    expect(asked.length).toBeGreaterThan(25);
    expect(askedAtFirstResponse).toBe(asked.length);
    expect(new Set(asked).size).toBe(asked.length);
  });

  it('works before the gallery has come, and before the server has said where images go', async () => {
    await store(lab, 1);
    const { page } = await openPage(lab.url);
    await hold(page, '**/api/mode', 'GET');
    await hold(page, '**/api/images', 'GET');
    await page.reload({ waitUntil: 'commit' });
    await page.getByText('Asking the server where images go').waitFor();

    await pick(page, await makeSmallImage('a.png'));
    await cardNamed(page, 'a.png').waitFor();

    expect(await page.locator('.skeleton').count()).toBe(3);
  });

  it('shows an upload that moves on, and the page can be used meanwhile', async () => {
    await store(lab, 1);
    const { page, problems } = await openPage(lab.url);
    await slowDown(page, UPLOAD, REST);

    await pick(page, await makeImage('png', 'slow.png'));
    await untilTrue(
      page,
      "seenProgress.some(({ leg, value }) => leg === 'application' && value > 0)",
    );
    await page.getByRole('button', { name: '中文' }).click();
    await uploadsOf(page).getByText('正在上传…').waitFor();
    await page.getByRole('button', { name: 'English' }).click();
    await page.getByRole('button', { name: 'Edit 1.png' }).click();
    await page.getByRole('button', { name: 'Close' }).click();
    await cardNamed(page, 'slow.png').waitFor();

    const values = await page.evaluate<readonly number[]>(
      "seenProgress.filter(({ leg }) => leg === 'application').map(({ value }) => value)",
    );
    expect(values).toEqual(values.toSorted((a, b) => a - b));
    expect(new Set(values).size).toBeGreaterThan(3);
    expect(problems).toEqual([]);
  });

  it('starts again from nothing when an upload is cancelled and sent again', async () => {
    const { page } = await openPage(lab.url);
    await slowDown(page, 20_000);

    await pick(page, await makeImage('png', 'slow.png'));
    await untilTrue(page, 'seenProgress.some(({ value }) => value > 0)');
    await page.getByRole('button', { name: 'Cancel the upload of slow.png' }).click();
    await page.locator('.upload[data-state=cancelled]').waitFor();
    await slowDown(page, -1);
    await page.getByRole('button', { name: 'Upload slow.png again' }).click();
    await cardNamed(page, 'slow.png').waitFor();

    expect(await uploadsOf(page).count()).toBe(0);
    expect(lab.emulator.objects).toHaveLength(2);
  });
}

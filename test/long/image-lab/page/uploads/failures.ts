import { expect, it } from '@jest/globals';
import type { BrowserContextOptions } from 'playwright-core';
import {
  cardNamed,
  cardsOf,
  failureLineOf,
  isInSight,
  pick,
  uploadsOf,
  type PageTools,
} from '../../../../support/image-lab/lab-page.js';
import { writeLargeImage } from '../../../../support/image-lab/pictures.js';
import { until } from '../../../../support/until.js';
import {
  hold,
  makeDamagedImage,
  makeSmallImage,
  readCardNames,
  readFocus,
  readScroll,
  scrollDown,
  store,
  useFolder,
} from './support.js';

const DAMAGED = 'The image is damaged and cannot be read.';

/** Ways to deal with failures. */
export function describeFailures({ lab, openPage }: PageTools): void {
  const folder = useFolder();

  it('names one failure among ten and keeps its position', async () => {
    const { page } = await openPage(lab.url);
    const names = Array.from({ length: 10 }, (_, index) => `${index}.png`);
    const files = await Promise.all(
      names.map(name => (name === '6.png' ? makeDamagedImage(name) : makeSmallImage(name))),
    );

    await pick(page, ...files);
    await cardsOf(page).nth(8).waitFor();
    await uploadsOf(page).getByText(DAMAGED).waitFor();

    expect(await failureLineOf(page).locator('p').textContent()).toBe(`6.png: ${DAMAGED}`);
    expect(await readCardNames(page)).toEqual(names);
    expect(await uploadsOf(page).locator('h3').allTextContents()).toEqual(['6.png']);
    expect(await page.locator('.count').textContent()).toBe('9 of 60');
    await until(() => lab.emulator.objects.length === 18, 'nine images and their thumbnails');
  });

  it('counts several, names the newest, and dismisses all at once', async () => {
    await store(lab, 1);
    const { page } = await openPage(lab.url);
    await pick(page, await makeDamagedImage('a.png'));
    await failureLineOf(page).getByText(`a.png: ${DAMAGED}`).waitFor();
    await pick(page, await makeDamagedImage('b.png'));
    await failureLineOf(page).getByText(`2 files were not stored. b.png: ${DAMAGED}`).waitFor();

    await failureLineOf(page).getByRole('button', { name: 'Dismiss' }).click();

    expect(await failureLineOf(page).isVisible()).toBe(false);
    expect(await readCardNames(page)).toEqual(['1.png']);
    expect(await page.evaluate('document.activeElement.id')).toBe('gallery');
  });

  it('disappears with its card, one by one', async () => {
    const { page } = await openPage(lab.url);
    await pick(page, await makeDamagedImage('a.png'));
    await failureLineOf(page).getByText('a.png').waitFor();
    await pick(page, await makeDamagedImage('b.png'));
    await failureLineOf(page).getByText('2 files').waitFor();

    await page.getByRole('button', { name: 'Dismiss b.png' }).click();
    expect(await failureLineOf(page).locator('p').textContent()).toBe(`a.png: ${DAMAGED}`);
    await page.getByRole('button', { name: 'Dismiss a.png' }).click();

    expect(await failureLineOf(page).isVisible()).toBe(false);
    expect(await page.locator('[data-part=empty]').isVisible()).toBe(true);
  });

  it('disappears once another try succeeds', async () => {
    const { page } = await openPage(lab.url);
    await page.route('**/api/images', route => route.abort(), { times: 1 });

    await pick(page, await makeSmallImage('a.png'));
    await failureLineOf(page).getByText('a.png: No connection to the server.').waitFor();
    await page.getByRole('button', { name: 'Upload a.png again' }).click();
    await cardNamed(page, 'a.png').waitFor();

    expect(await failureLineOf(page).isVisible()).toBe(false);
    expect(await page.locator('#offline').isVisible()).toBe(false);
    expect(await uploadsOf(page).count()).toBe(0);
  });

  it('offers no retry where it cannot help', async () => {
    const { page } = await openPage(lab.url);

    await pick(page, await makeDamagedImage('a.png'));
    await uploadsOf(page).getByText(DAMAGED).waitFor();

    expect(await page.getByRole('button', { name: 'Upload a.png again' }).count()).toBe(0);
  });

  it('explains what the server says about a file over the limit', async () => {
    const { page } = await openPage(lab.url);
    await page.route('**/api/mode', async route => {
      const response = await route.fetch();
      const mode = (await response.json()) as object;
      await route.fulfill({ response, json: { ...mode, fileSizeBytes: 40 * 1024 * 1024 } });
    });
    await page.reload();
    await page.getByText('up to 40 MB').waitFor();

    await page.locator('#files').setInputFiles(await writeLargeImage(folder.path, 30_000_000));
    await uploadsOf(page).getByText('Too large: a file may have up to').waitFor();

    expect(await cardsOf(page).count()).toBe(0);
    await until(() => lab.emulator.objects.length === 0, 'an empty cloud');
  });
}

/** Failures stay in sight. */
export function describeFailuresInSight(
  { lab, openPage }: PageTools,
  screen: BrowserContextOptions,
): void {
  it('is shown on its card and above the gallery, both in sight', async () => {
    await store(lab, 3);
    const { page } = await openPage(lab.url, screen);

    await pick(page, await makeDamagedImage('a.png'));
    await uploadsOf(page).getByText(DAMAGED).waitFor();

    expect(await isInSight(failureLineOf(page))).toBe(true);
    expect(await isInSight(uploadsOf(page).getByText(DAMAGED))).toBe(true);
    expect(await failureLineOf(page).getAttribute('role')).toBe('alert');
  });

  it('stays in sight wherever the page is scrolled to, also when there are several', async () => {
    await store(lab, 12);
    const { page } = await openPage(lab.url, screen);
    await pick(page, await makeDamagedImage('a.png'), await makeDamagedImage('b.png'));
    await failureLineOf(page).getByText('2 files were not stored.').waitFor();

    await scrollDown(page);

    expect(await isInSight(uploadsOf(page).first())).toBe(false);
    expect(await isInSight(failureLineOf(page))).toBe(true);
    expect(await isInSight(failureLineOf(page).getByRole('button', { name: 'Show' }))).toBe(true);
    expect(await isInSight(failureLineOf(page).getByRole('button', { name: 'Dismiss' }))).toBe(
      true,
    );
  });

  it('is in sight when it comes while the page is scrolled down', async () => {
    await store(lab, 12);
    const { page } = await openPage(lab.url, screen);
    const posts = await hold(page, '**/api/images', 'POST');
    await pick(page, await makeSmallImage('a.png'));
    await posts.reach(1);
    await scrollDown(page);
    const before = await readScroll(page);

    posts.breakOne();
    await failureLineOf(page).getByText('a.png: No connection to the server.').waitFor();

    expect(await isInSight(failureLineOf(page))).toBe(true);
    expect(Math.abs((await readScroll(page)) - before)).toBeLessThan(200);
  });

  it('hides nothing that gets the focus, with the message that there is no connection', async () => {
    await store(lab, 12);
    const { page } = await openPage(lab.url, screen);
    await page.route('**/api/images', route => route.abort());
    await pick(page, await makeSmallImage('a.png'));
    await page.locator('#offline').waitFor();
    await failureLineOf(page).waitFor();
    await scrollDown(page);
    await page.getByRole('button', { name: 'Copy the file ID of 1.png', exact: true }).focus();

    for (let step = 0; step < 24; step += 1) {
      const name = await readFocus(page);
      expect([name, await isInSight(page.locator(':focus'))]).toEqual([name, true]);
      await page.keyboard.press('Shift+Tab');
    }
    expect(await isInSight(failureLineOf(page))).toBe(true);
    expect(await isInSight(page.locator('#offline'))).toBe(true);
  });

  it('is found by the button that shows it', async () => {
    await store(lab, 12);
    const { page } = await openPage(lab.url, screen);
    await pick(page, await makeDamagedImage('a.png'));
    await failureLineOf(page).getByText('a.png').waitFor();
    await scrollDown(page);

    await failureLineOf(page).getByRole('button', { name: 'Show' }).click();

    expect(await isInSight(uploadsOf(page))).toBe(true);
    expect(await readFocus(page)).toBe('Dismiss a.png');
  });
}

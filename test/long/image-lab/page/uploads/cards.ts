import { expect, it } from '@jest/globals';
import type { BrowserContextOptions, Locator, Page } from 'playwright-core';
import {
  cardNamed,
  cardsOf,
  isInSight,
  openDirect,
  pick,
  slowDown,
  uploadsOf,
  type PageTools,
} from '../../../../support/image-lab/lab-page.js';
import { makeImage, writeLargeImage } from '../../../../support/image-lab/pictures.js';
import { until } from '../../../../support/until.js';
import {
  drop,
  hold,
  makeSmallImage,
  readCardNames,
  readFocus,
  readScroll,
  reload,
  scrollDown,
  store,
  useFolder,
} from './support.js';

/** The sights of an upload under way: its picture, its legs, its name, its state. */
function partsOf(upload: Locator): readonly Locator[] {
  return ['.thumbnail', '.upload-legs', '.card-title', '.upload-status'].map(part =>
    upload.locator(part),
  );
}

async function areInSight(parts: readonly Locator[]): Promise<readonly boolean[]> {
  return Promise.all(parts.map(isInSight));
}

async function readLegs(page: Page): Promise<readonly string[]> {
  return page.locator('.upload-leg-line span:first-child').allTextContents();
}

/** The place of uploads among the images. */
export function describeCards(tools: PageTools): void {
  const { lab, openPage } = tools;
  const folder = useFolder();

  it('is shown before anything of it is sent', async () => {
    const { page } = await openPage(lab.url);
    await page.route('**/api/progress/**', () => {});

    await pick(page, await makeSmallImage('a.png'));
    await page.locator('.upload[data-state=sending]').waitFor();

    expect(await uploadsOf(page).locator('h3').textContent()).toBe('a.png');
    expect(await uploadsOf(page).locator('img.loaded').count()).toBe(1);
    expect(lab.emulator.journal).toEqual([]);
  });

  it('sends two files at once, and a cancelled one leaves nothing', async () => {
    const { page } = await openPage(lab.url);
    await slowDown(page, 20_000);
    const image = await makeImage('png', 'slow.png');

    await pick(page, image, image, image, image, image);
    await page.locator('.upload[data-state=sending]').nth(1).waitFor();
    expect(await page.locator('.upload[data-state=waiting]').count()).toBe(3);
    const cancel = page.getByRole('button', { name: 'Cancel the upload of slow.png' });
    for (let left = 5; left > 0; left -= 1) await cancel.first().click();

    expect(await page.locator('.upload[data-state=cancelled]').count()).toBe(5);
    await until(() => lab.emulator.objects.length === 0, 'an empty cloud');
  });

  it('gives its place to the image, whichever is stored first', async () => {
    await store(lab, 1);
    const { page } = await openPage(lab.url);
    const posts = await hold(page, '**/api/images', 'POST');
    const names = ['a.png', 'b.png', 'c.png', '1.png'];

    await pick(page, ...(await Promise.all(names.slice(0, 3).map(makeSmallImage))));
    await posts.reach(2);
    expect(await readCardNames(page)).toEqual(names);
    for (const images of [2, 3, 4]) {
      posts.releaseOne();
      await until(async () => (await cardsOf(page).count()) === images, `${images} images`);
      expect(await readCardNames(page)).toEqual(names);
    }

    expect(await uploadsOf(page).count()).toBe(0);
    expect(posts.count).toBe(3);
  });

  it('stays above the images when another image is made meanwhile', async () => {
    await store(lab, 2);
    const { page } = await openPage(lab.url);
    const posts = await hold(page, '**/api/images', 'POST');

    await pick(page, await makeSmallImage('a.png'));
    await posts.reach(1);
    await pick(page, await makeSmallImage('b.png'));
    await posts.reach(2);
    posts.releaseAll();
    await cardNamed(page, 'a.png').waitFor();
    await cardNamed(page, 'b.png').waitFor();

    expect(await readCardNames(page)).toEqual(['b.png', 'a.png', '2.png', '1.png']);
  });

  it('hands the focus on to the image, and takes it from nothing else', async () => {
    const { page } = await openPage(lab.url);
    const posts = await hold(page, '**/api/images', 'POST');

    await pick(page, await makeSmallImage('a.png'), await makeSmallImage('b.png'));
    await page.getByRole('button', { name: 'Cancel the upload of a.png' }).focus();
    await posts.reach(2);
    posts.releaseAll();
    await cardsOf(page).nth(1).waitFor();
    expect(await readFocus(page)).toBe('Edit a.png');

    await page.getByRole('button', { name: 'Delete b.png' }).focus();
    await pick(page, await makeSmallImage('c.png'));
    await cardNamed(page, 'c.png').waitFor();
    expect(await readFocus(page)).toBe('Delete b.png');
  });

  it('hands the focus on to a neighbor when it is dismissed', async () => {
    await store(lab, 1);
    const { page } = await openPage(lab.url);
    await hold(page, '**/api/images', 'POST');
    await pick(page, await makeSmallImage('a.png'));

    await page.getByRole('button', { name: 'Cancel the upload of a.png' }).click();
    await page.getByRole('button', { name: 'Dismiss a.png' }).click();

    expect(await readCardNames(page)).toEqual(['1.png']);
    expect(await readFocus(page)).toBe('Edit 1.png');
  });

  it('comes of files that are dropped anywhere on the page', async () => {
    await store(lab, 12);
    const { page } = await openPage(lab.url);
    await scrollDown(page);
    await hold(page, '**/api/images', 'POST');

    await drop(page, [await writeLargeImage(folder.path, 400_000)]);
    await uploadsOf(page).locator('img.loaded').waitFor();

    expect(await areInSight(partsOf(uploadsOf(page)))).toEqual([true, true, true, true]);
    expect(page.url()).toBe(`${lab.url}/`);
  });

  it('shows one leg when it goes straight to the cloud, and takes the place of the image', async () => {
    await store(lab, 1);
    const { page } = await openDirect(tools);
    const confirmations = await hold(page, '**/api/direct-uploads/confirm', 'POST');

    await pick(page, await makeSmallImage('a.png'));
    await page.locator('.upload[data-state=checking]').waitFor();
    await confirmations.reach(1);
    expect(await uploadsOf(page).locator('progress').count()).toBe(1);
    expect(await readCardNames(page)).toEqual(['a.png', '1.png']);
    confirmations.releaseAll();
    await cardNamed(page, 'a.png').waitFor();

    expect(await readCardNames(page)).toEqual(['a.png', '1.png']);
    expect(await uploadsOf(page).count()).toBe(0);
  });
}

/** An upload under way as a person sees it, without scrolling. */
export function describeCardsInSight(tools: PageTools, screen: BrowserContextOptions): void {
  const { lab, openPage } = tools;
  const allInSight = [true, true, true, true];

  it('is a card in the gallery at once, with both its legs', async () => {
    await store(lab, 3);
    const { page } = await openPage(lab.url, screen);
    await slowDown(page, 20_000);

    await pick(page, await makeImage('png', 'a.png'));
    await uploadsOf(page).locator('img.loaded').waitFor();

    expect(await areInSight(partsOf(uploadsOf(page)))).toEqual(allInSight);
    expect(await readLegs(page)).toEqual(['Browser → app', 'App → cloud']);
    expect(await areInSight(await uploadsOf(page).locator('progress').all())).toEqual([true, true]);
    expect(await readCardNames(page)).toEqual(['a.png', '3.png', '2.png', '1.png']);
  });

  it('is a card with one leg when it goes straight to the cloud', async () => {
    const { page } = await openDirect(tools, screen);
    await slowDown(page, 20_000);

    await pick(page, await makeImage('png', 'a.png'));
    await page.getByText(/form valid until/).waitFor();
    await uploadsOf(page).locator('img.loaded').waitFor();

    expect(await areInSight(partsOf(uploadsOf(page)))).toEqual(allInSight);
    expect(await readLegs(page)).toEqual([
      expect.stringMatching(/^Browser → cloud · form valid until \d\d:\d\d:\d\d$/),
    ]);
    expect(await areInSight(await uploadsOf(page).locator('progress').all())).toEqual([true]);
  });

  it('is in sight while the gallery itself is on its way, and stays on top of it', async () => {
    await store(lab, 2);
    const { page } = await openPage(lab.url, screen);
    const lists = await hold(page, '**/api/images', 'GET');
    const posts = await hold(page, '**/api/images', 'POST');
    await reload(page);

    await pick(page, await makeSmallImage('a.png'));
    await uploadsOf(page).locator('img.loaded').waitFor();
    expect(await areInSight(partsOf(uploadsOf(page)))).toEqual(allInSight);
    expect(await page.locator('.skeleton').count()).toBe(3);
    await posts.reach(1);
    lists.releaseAll();
    await cardNamed(page, '1.png').waitFor();
    expect(await readCardNames(page)).toEqual(['a.png', '2.png', '1.png']);
    expect(await isInSight(page.locator('.upload-legs'))).toBe(true);
    posts.releaseAll();
    await cardNamed(page, 'a.png').waitFor();

    expect(await readCardNames(page)).toEqual(['a.png', '2.png', '1.png']);
  });

  it('is shown once when the gallery comes after it was stored', async () => {
    await store(lab, 1);
    const { page } = await openPage(lab.url, screen);
    const lists = await hold(page, '**/api/images', 'GET');
    await reload(page);

    await pick(page, await makeSmallImage('a.png'));
    await cardNamed(page, 'a.png').waitFor();
    lists.releaseAll();
    await cardNamed(page, '1.png').waitFor();

    expect(await readCardNames(page)).toEqual(['a.png', '1.png']);
    expect(await page.locator('.skeleton').count()).toBe(0);
  });

  it('is in sight when the page was scrolled down', async () => {
    await store(lab, 12);
    const { page } = await openPage(lab.url, screen);
    await scrollDown(page);
    expect(await readScroll(page)).toBeGreaterThan(300);
    await hold(page, '**/api/images', 'POST');

    await pick(page, await makeSmallImage('a.png'), await makeSmallImage('b.png'));
    await uploadsOf(page).nth(1).locator('img.loaded').waitFor();

    expect(await areInSight(partsOf(uploadsOf(page).first()))).toEqual(allInSight);
    expect(await areInSight(partsOf(uploadsOf(page).last()))).toEqual(allInSight);
  });

  it('shares the width with others: a phone has two columns, a desk more', async () => {
    await store(lab, 4);
    const { page } = await openPage(lab.url, screen);

    const columns = await page.evaluate<number>(
      "getComputedStyle(document.querySelector('.cards')).gridTemplateColumns.split(' ').length",
    );
    expect(columns).toBeGreaterThanOrEqual(2);
    expect(await isInSight(cardsOf(page).first())).toBe(true);
    expect(await isInSight(cardsOf(page).nth(1))).toBe(true);
  });
}

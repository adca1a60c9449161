import { readFile } from 'node:fs/promises';
import { expect, it } from '@jest/globals';
import sharp from 'sharp';
import type { BrowserContextOptions, Page } from 'playwright-core';
import {
  cardNamed,
  cardsOf,
  isInSight,
  openDirect,
  pick,
  uploadsOf,
  type PageTools,
} from '../../../../support/image-lab/lab-page.js';
import type { LabServer } from '../../../../support/image-lab/lab-server.js';
import { fetchPixels } from '../../../../support/image-lab/pictures.js';
import { hold, makeDamagedImage, readCardNames, reload, store, watchRequests } from './support.js';

const DRAWINGS = new URL('../../../../../sample/image-lab/public/samples/', import.meta.url);

/** Width, height and type of each sample. */
const SAMPLES = [
  { name: 'lake.jpg', width: 1_600, height: 1_200, contentType: 'image/jpeg' },
  { name: 'lighthouse.jpg', width: 1_080, height: 1_620, contentType: 'image/jpeg' },
  { name: 'tea.png', width: 1_000, height: 1_000, contentType: 'image/png' },
] as const;

const NAMES = SAMPLES.map(({ name }) => name);

interface ListedImage {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly size: number;
  readonly contentType: string;
  readonly url: string;
}

async function listImages(lab: LabServer): Promise<readonly ListedImage[]> {
  const { body } = await lab.get('/api/images');
  return body['images'] as readonly ListedImage[];
}

/** The distance between the channels of two pictures on average, of 255. */
function distanceOf(one: Buffer, other: Buffer): number {
  expect(one).toHaveLength(other.length);
  const sum = one.reduce((total, value, index) => total + Math.abs(value - (other[index] ?? 0)), 0);
  return sum / one.length;
}

async function paintDrawing(name: string, width: number, height: number): Promise<Buffer> {
  const drawing = await readFile(new URL(name.replace(/\.\w+$/, '.svg'), DRAWINGS));
  const picture = sharp(drawing, { density: 300 }).resize(width, height, { fit: 'fill' });
  return picture.flatten().toColourspace('srgb').raw().toBuffer();
}

async function uploadSample(page: Page, name: string): Promise<void> {
  await page.getByRole('button', { name: `Upload the sample image ${name}` }).click();
}

async function uploadAllSamples(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Upload all three' }).click();
  await cardsOf(page).nth(2).waitFor();
}

/** Images to begin with. */
export function describeSamples(tools: PageTools): void {
  const { lab, openPage } = tools;

  it('offers them only when the gallery has been read and is empty', async () => {
    const { page } = await openPage(lab.url);
    const samples = page.locator('[data-part=samples]');
    const lists = await hold(page, '**/api/images', 'GET');

    await reload(page);
    await lists.reach(1);
    expect(await samples.isVisible()).toBe(false);
    lists.releaseAll();
    await samples.waitFor();
    await pick(page, await makeDamagedImage('a.png'));
    await uploadsOf(page).waitFor();
    expect(await samples.isVisible()).toBe(false);
    await page.getByRole('button', { name: 'Dismiss', exact: true }).click();
    await samples.waitFor();
    await store(lab, 1);
    await page.reload();
    await cardNamed(page, '1.png').waitFor();

    expect(await samples.isVisible()).toBe(false);
  });

  it('paints them itself, in their real size: nothing is fetched from elsewhere', async () => {
    const { page, problems } = await openPage(lab.url);
    const requests = watchRequests(page);

    await uploadAllSamples(page);

    expect(await readCardNames(page)).toEqual(NAMES);
    const images = (await listImages(lab)).toSorted((a, b) => a.name.localeCompare(b.name));
    for (const [index, { url, ...image }] of images.entries()) {
      const sample = SAMPLES[index];
      expect(image).toMatchObject(sample ?? {});
      expect(image.size).toBeGreaterThan(10_000);
      const painted = await paintDrawing(image.name, image.width, image.height);
      expect(distanceOf(await fetchPixels(url), painted)).toBeLessThan(6);
    }
    const elsewhere = requests.filter(
      request => !request.includes(lab.url) && !request.includes(lab.emulator.url),
    );
    expect(elsewhere).toEqual([]);
    expect(problems).toEqual([]);
  });

  it('uploads them as any other file, through the queue', async () => {
    const { page } = await openPage(lab.url);
    const posts = await hold(page, '**/api/images', 'POST');

    await page.getByRole('button', { name: 'Upload all three' }).click();
    await posts.reach(2);
    expect(await uploadsOf(page).locator('h3').allTextContents()).toEqual(NAMES);
    expect(await page.locator('.upload[data-state=waiting]').count()).toBe(1);
    expect(await page.locator('.upload progress[data-leg=application]').count()).toBe(3);
    posts.releaseAll();
    await cardsOf(page).nth(2).waitFor();

    expect(lab.emulator.objects).toHaveLength(6);
  });

  it.each(NAMES)('uploads %s alone', async name => {
    const { page } = await openPage(lab.url);

    await uploadSample(page, name);
    await cardNamed(page, name).waitFor();

    const { width, height } = SAMPLES.find(sample => sample.name === name) ?? {};
    expect(await readCardNames(page)).toEqual([name]);
    expect(await cardsOf(page).textContent()).toContain(`${width} × ${height}`);
  });

  it('sends them straight to the cloud when the switch is on', async () => {
    const { page } = await openDirect(tools);

    await uploadAllSamples(page);

    const direct = lab.emulator.journal.filter(({ origin }) => origin === lab.url);
    expect(direct.filter(({ operation }) => operation === 'post-object')).toHaveLength(3);
    expect(lab.receivedBytes).toBeLessThan(100_000);
    expect(await readCardNames(page)).toEqual(NAMES);
  });

  it('offers them again after everything was deleted', async () => {
    const { page } = await openPage(lab.url);
    await uploadAllSamples(page);

    await page.getByRole('button', { name: 'Select all' }).click();
    await page.getByRole('button', { name: 'Delete 3' }).click();
    await page.getByRole('button', { name: 'Delete', exact: true }).click();
    await page.getByText('No images yet').waitFor();
    await uploadSample(page, 'tea.png');
    await cardNamed(page, 'tea.png').waitFor();

    expect(await readCardNames(page)).toEqual(['tea.png']);
  });

  it('takes one by the keyboard', async () => {
    const { page } = await openPage(lab.url);

    await page.getByRole('button', { name: 'Upload the sample image tea.png' }).focus();
    await page.keyboard.press('Enter');
    await cardNamed(page, 'tea.png').waitFor();

    expect(await readCardNames(page)).toEqual(['tea.png']);
  });
}

/** The samples as a person sees them first. */
export function describeSamplesInSight(
  { lab, openPage }: PageTools,
  screen: BrowserContextOptions,
): void {
  it('are seen without scrolling', async () => {
    const { page } = await openPage(lab.url, screen);
    await page.locator('[data-sample] img').last().waitFor();

    const buttons = await page.locator('[data-sample]').all();
    expect(await Promise.all(buttons.map(isInSight))).toEqual([true, true, true]);
  });
}

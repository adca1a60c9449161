import { expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import sharp from 'sharp';
import { pick, untilTrue, type PageTools } from '../../../support/image-lab/lab-page.js';
import { makeImage, type PickedFile } from '../../../support/image-lab/pictures.js';
import { hasFocus, isInSight, lookAt, openOn, PHONE, type PageNode } from './support/screens.js';
import { store, Workbench } from './support/workbench.js';

const LONG = `${'a-very-long-name-'.repeat(6)}.png`;
const CHINESE = `${'很长的图片名称'.repeat(14)}.png`;

const WIDTHS = [320, 360, 390].flatMap(width =>
  ['en-US', 'zh-CN'].map(locale => ({ width, locale })),
);

/** A photo as of a phone's camera, with a square of another color in each corner. */
async function makeMarked(name: string, width: number, height: number): Promise<PickedFile> {
  const side = Math.round(Math.min(width, height) / 5);
  const mark = async (background: string): Promise<Buffer> =>
    sharp({ create: { width: side, height: side, channels: 3, background } })
      .png()
      .toBuffer();
  const picture = sharp({
    create: { width, height, channels: 3, background: '#808080' },
  }).composite([
    { input: await mark('#ff0000'), left: 0, top: 0 },
    { input: await mark('#00ff00'), left: width - side, top: 0 },
    { input: await mark('#0000ff'), left: 0, top: height - side },
    { input: await mark('#ffff00'), left: width - side, top: height - side },
  ]);
  return { name, mimeType: 'image/png', buffer: await picture.png().toBuffer() };
}

/** The page has one width, also where something in it has more. */
async function expectNoSideways(page: Page, width: number): Promise<void> {
  expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
  expect(await page.evaluate('innerWidth')).toBe(width);
}

/** Phones, and windows that are enlarged. */
export function describeSmallScreens(tools: PageTools): void {
  it('has two columns of images', async () => {
    for (const name of ['a.png', 'b.png', 'c.png']) {
      await store(tools.lab, await makeImage('png', name));
    }
    const { page } = await openOn(tools, PHONE);
    await page.locator('.card.image').nth(2).waitFor();
    const boxes = await page
      .locator('.card.image')
      .evaluateAll((cards: PageNode[]) => cards.map(card => card.getBoundingClientRect()));

    const [first, second, third] = boxes;
    expect(second?.top).toBe(first?.top);
    expect(third?.left).toBe(first?.left);
    expect(Number(third?.top)).toBeGreaterThanOrEqual(Number(first?.bottom));
    expect(Number(second?.left)).toBeGreaterThanOrEqual(Number(first?.right));
    expect(Number(second?.right)).toBeLessThanOrEqual(390);
    expect(Number(first?.right) - Number(first?.left)).toBeGreaterThan(160);
  });

  it.each([
    { what: 'a portrait', width: 600, height: 1_200 },
    { what: 'a very tall one', width: 200, height: 1_600 },
    { what: 'a wide one', width: 1_600, height: 500 },
    { what: 'a square', width: 500, height: 500 },
  ])('shows the whole of $what', async ({ width, height }) => {
    await store(tools.lab, await makeMarked('a.png', width, height));
    const { page } = await openOn(tools, PHONE, { reducedMotion: 'reduce' });
    await page.locator('.thumbnail img.loaded').waitFor();
    // Controls lie over the corners of the image; this is about the image.
    await page.locator('.card.image .select').evaluate(HIDE);
    const sight = await lookAt(page.locator('.thumbnail'));
    const scale = Math.min(sight.width / width, sight.height / height);
    const [across, down] = [(width * scale) / sight.width, (height * scale) / sight.height];
    const at = (x: number, y: number): readonly number[] =>
      sight
        .at(0.5 + (x - 0.5) * across, 0.5 + (y - 0.5) * down)
        .map(part => Math.round(part / 255));

    expect([at(0.05, 0.03), at(0.95, 0.03), at(0.05, 0.97), at(0.95, 0.97)]).toEqual([
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
      [1, 1, 0],
    ]);
    expect(Math.max(across, down)).toBeCloseTo(1, 5);
  });

  it.each(WIDTHS)(
    'is as wide as a screen of $width pixels in $locale',
    async ({ width, locale }) => {
      for (const name of [LONG, CHINESE]) await store(tools.lab, await makeImage('png', name));
      const { page } = await openOn(tools, PHONE, { locale });
      await page.setViewportSize({ width, height: 740 });
      await page.locator('#requests li').first().waitFor();
      await pick(page, { name: `${LONG}.txt`, mimeType: 'text/plain', buffer: Buffer.from('x') });
      await page.locator('#failures').waitFor();
      await page.locator('.card.image .select input').first().check();
      await expectNoSideways(page, width);
      expect(await isInSight(page.locator('[data-part=deleteSelected]'))).toBe(true);

      await page.locator('.card.image .thumbnail').last().click();
      const bench = new Workbench(page);
      await bench.dialog.locator('.operation').last().click();
      await bench.field('sizePercent').fill('99');
      await bench.problemOf('sizePercent').getByText(/./).waitFor();
      await bench.field('sizePercent').fill('9');
      await bench.runToResult();
      await expectNoSideways(page, width);
      expect(await bench.dialog.evaluate((node: PageNode) => node.scrollWidth)).toBe(width);
      await bench.part('close').click();
      await page.locator('[data-part=deleteSelected]').click();
      expect(await isInSight(page.locator('#confirm [data-part=yes]'))).toBe(true);
      await expectNoSideways(page, width);
    },
  );

  it.each(['en-US', 'zh-CN'])('can be used at 200 %% in %s', async locale => {
    await store(tools.lab);
    const zoomed = { viewport: { width: 640, height: 400 } };
    const { page } = await openOn(tools, zoomed, { locale });
    const card = page.locator('.card.image').first();
    await expectNoSideways(page, 640);
    await card.locator('.select input').check();
    expect(await isInSight(page.locator('[data-part=deleteSelected]'))).toBe(true);
    // The parts that stay in place leave more than half of the window to the rest.
    await untilTrue(page, `document.querySelector('.gallery-head').offsetHeight < 200`);

    await card.locator('.thumbnail').click();
    const bench = new Workbench(page);
    await bench.dialog.locator('.operation').last().click();
    await bench.runToResult();
    expect(await isInSight(bench.slider)).toBe(true);
    await bench.useResult.click();
    await bench.part('close').click();
    await page.locator('.card.image').nth(1).waitFor();
    await page.locator('[data-part=deleteSelected]').click();
    await page.locator('#confirm [data-part=yes]').click();
    await page.locator('#toast.shown').waitFor();
    expect(await hasFocus(page.locator('.card.image .thumbnail'))).toBe(true);
    expect(await isInSight(page.locator('.card.image .thumbnail'))).toBe(true);
  });
}

const HIDE = (node: { readonly style: { visibility: string } }): void => {
  node.style.visibility = 'hidden';
};

import { expect, it } from '@jest/globals';
import {
  cardNamed,
  CONTROLS,
  failureLineOf,
  isInSight,
  PHONE,
  pick,
  type PageTools,
} from '../../../../e2e/sample/support/lab-page.js';
import { makeDamagedImage, makeSmallImage } from './support.js';

/** Controls below the 24 pixels that WCAG asks for; an input is as large as its label. */
const TOO_SMALL = `${CONTROLS}.filter(control => {
  const { width, height } = (control.closest('label') ?? control).getBoundingClientRect();
  return Math.min(width, height) < 24;
}).map(control => control.outerHTML)`;

const DROP = /drop|drag|拖/i;

/** A touch screen without a mouse. */
export function describeTouch({ lab, openPage }: PageTools): void {
  it('says nothing of dropping, in no language, neither to eyes nor to ears', async () => {
    const { page } = await openPage(lab.url, PHONE);
    await page.getByText('No images yet').waitFor();

    for (const language of ['English', '中文']) {
      await page.getByRole('button', { name: language }).click();
      expect(await page.locator('body').innerText()).not.toMatch(DROP);
      expect(await page.locator('body').ariaSnapshot()).not.toMatch(DROP);
    }

    expect(await page.locator('body').innerText()).toContain('选择图片');
  });

  it('has a button that is large enough for a finger, and opens the chooser', async () => {
    const { page } = await openPage(lab.url, PHONE);
    const button = page.getByText('Choose images');
    const box = await button.boundingBox();
    const chooser = page.waitForEvent('filechooser');

    expect(await isInSight(button)).toBe(true);
    expect(box?.height).toBeGreaterThanOrEqual(44);
    expect(box?.width).toBeGreaterThanOrEqual(44);
    await button.tap();
    await (await chooser).setFiles([await makeSmallImage('a.png')]);
    await cardNamed(page, 'a.png').waitFor();
  });

  it('gives every control the room that a finger needs', async () => {
    const { page } = await openPage(lab.url, PHONE);
    await pick(page, await makeSmallImage('a.png'), await makeDamagedImage('b.png'));
    await cardNamed(page, 'a.png').waitFor();
    await failureLineOf(page).waitFor();

    const small = await page.evaluate<readonly string[]>(TOO_SMALL);
    expect(small).toEqual([]);
  });

  it('still speaks of dropping where there is a mouse', async () => {
    const { page } = await openPage(lab.url);

    expect(await page.getByText('Drop images here').isVisible()).toBe(true);
    expect(await page.getByText('Choose images').isVisible()).toBe(false);
  });
}

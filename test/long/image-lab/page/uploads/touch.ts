import { expect, it } from '@jest/globals';
import {
  cardNamed,
  CONTROLS,
  failureLineOf,
  isInSight,
  PHONE,
  pick,
  type PageTools,
} from '../../../../support/image-lab/lab-page.js';
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

  it.each([320, 390])(
    'has both switches in sight on a screen of %i pixels, with the hint of one that is on',
    async width => {
      const { page } = await openPage(lab.url, PHONE);
      await page.setViewportSize({ width, height: 740 });
      const switches = page.locator('.switch');
      const [direct, cos] = [page.locator('#direct-hint'), page.locator('#cos-hint')];

      for (const language of ['English', '中文']) {
        await page.getByRole('button', { name: language }).click();
        const areSeen = await Promise.all((await switches.all()).map(isInSight));
        expect(areSeen).toEqual([true, true]);
        expect([await direct.isVisible(), await cos.isVisible()]).toEqual([false, false]);

        await switches.last().tap();
        expect([await direct.isVisible(), await cos.isVisible()]).toEqual([false, true]);
        expect(await isInSight(cos)).toBe(true);
        expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
        await switches.last().tap();

        await switches.first().tap();
        expect([await direct.isVisible(), await cos.isVisible()]).toEqual([true, false]);
        expect(await switches.last().isVisible()).toBe(false);
        expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
        await switches.first().tap();
      }
    },
  );

  it.each([320, 390])('sends with keys of the bucket on a screen of %i pixels', async width => {
    const { page } = await openPage(lab.url, PHONE);
    await page.setViewportSize({ width, height: 740 });

    await page.getByText('With keys of the bucket').tap();
    await pick(page, await makeSmallImage('a.png'));
    await cardNamed(page, 'a.png').waitFor();

    const sent = lab.emulator.journal.filter(({ operation }) => operation === 'put-object');
    expect(sent.flatMap(({ cloudPaths }) => cloudPaths)).toEqual([
      expect.stringMatching(/^images\//),
    ]);
  });

  it('still speaks of dropping where there is a mouse', async () => {
    const { page } = await openPage(lab.url);

    expect(await page.getByText('Drop images here').isVisible()).toBe(true);
    expect(await page.getByText('Choose images').isVisible()).toBe(false);
  });
}

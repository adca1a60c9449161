import { expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import {
  CONTROLS,
  pick,
  slowDown,
  untilTrue,
  type PageTools,
} from '../../../support/image-lab/lab-page.js';
import { makeImage } from '../../../support/image-lab/pictures.js';
import { Keys } from './support/keys.js';
import { DESKTOP, openOn, type Screen } from './support/screens.js';
import { TEXT_FILE } from './support/states.js';
import { store, Workbench } from './support/workbench.js';

/** Screens that someone has a keyboard at; the last one is a window of 1280×800 at 200 %. */
const WINDOWS: readonly (readonly [string, Screen])[] = [
  ['1280×800', DESKTOP],
  ['390×844', { viewport: { width: 390, height: 844 } }],
  ['640×400', { viewport: { width: 640, height: 400 } }],
];

const FULL_SPEED = -1;

/** Everything without a mouse. */
export function describeKeyboard(tools: PageTools): void {
  const open = async (screen: Screen, ...names: readonly string[]): Promise<Page> => {
    for (const name of names) await store(tools.lab, await makeImage('png', name));
    const { page } = await openOn(tools, screen);
    await page
      .locator('.card.image, .empty')
      .nth(Math.max(0, names.length - 1))
      .waitFor();
    await page.evaluate('document.activeElement.blur()');
    return page;
  };

  it('chooses files, cancels one, tries it again, and dismisses another', async () => {
    const page = await open(DESKTOP);
    const keys = new Keys(page);
    await slowDown(page, 20_000);
    const chooser = page.waitForEvent('filechooser');
    await keys.press(/or choose files/);
    const images = [await makeImage('png', 'a.png'), await makeImage('png', 'b.png')];
    await (await chooser).setFiles([...images, TEXT_FILE]);
    await page.locator('.upload[data-state=failed]').waitFor();
    expect(await keys.findProblem()).toBe('');

    await keys.press('Cancel the upload of b.png');
    await page.locator('.upload[data-state=cancelled]').waitFor();
    expect(await keys.findProblem()).toBe('');
    await keys.press('Upload b.png again', 'Enter', 'Shift+Tab');
    await page.locator('.upload[data-state=cancelled]').waitFor({ state: 'detached' });
    expect(await keys.findProblem()).toBe('');
    await keys.press('Dismiss notes.txt');
    await page.locator('.upload[data-state=failed]').waitFor({ state: 'detached' });
    expect(await keys.findProblem()).toBe('');

    expect(await keys.readName()).toBe('Cancel the upload of b.png');
    await slowDown(page, FULL_SPEED);
    await page.locator('.card.image').nth(1).waitFor();
    expect(await keys.findProblem()).toBe('');
    expect(await keys.readName()).toBe('Edit b.png');
  });

  it('selects, deletes and keeps images', async () => {
    const page = await open(DESKTOP, 'a.png', 'b.png', 'c.png');
    const keys = new Keys(page);
    await keys.press('Select c.png', 'Space');
    await keys.press('Select a.png', 'Space');
    await keys.press('Delete 2', 'Enter', 'Shift+Tab');
    expect(await keys.findProblem()).toBe('');
    expect(await keys.readName()).toBe('Keep');
    await page.keyboard.press('Enter');
    await page.locator('#confirm').waitFor({ state: 'hidden' });
    expect(await keys.readName()).toBe('Delete 2');

    await page.keyboard.press('Enter');
    await keys.press('Delete');
    await page.locator('#toast.shown').waitFor();
    expect(await keys.findProblem()).toBe('');
    expect(await keys.readName()).toBe('Edit b.png');
    await keys.press('Delete b.png');
    await keys.press('Delete');
    await page.locator('.empty').waitFor();
    expect(await keys.findProblem()).toBe('');
  });

  it('opens an image, sets options, runs, compares, goes on with the result, copies and closes', async () => {
    const page = await open(DESKTOP, 'a.png');
    const keys = new Keys(page);
    const bench = new Workbench(page);
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await keys.press('Edit a.png');
    expect(await keys.readName()).toBe('Grayscale');
    expect(await keys.findProblem()).toBe('');
    for (let step = 0; step < 4; step += 1) await page.keyboard.press('ArrowRight');
    expect(await keys.readName()).toBe('Watermark');
    expect(await keys.findProblem()).toBe('');

    await page.keyboard.press('Tab');
    await page.keyboard.press('ControlOrMeta+a');
    await page.keyboard.type('by keys');
    await page.keyboard.press('Tab');
    await page.keyboard.press('ArrowDown');
    await keys.press('Letter height (% of width)', 'ArrowUp');
    await page.keyboard.press('Enter');
    await bench.useResult.waitFor();
    expect(await keys.findProblem()).toBe('');
    await keys.press('How much of the image before is shown, in percent', 'Home');
    expect(await bench.slider.inputValue()).toBe('0');
    await keys.press('Use the result as input');
    expect(await keys.findProblem()).toBe('');
    expect(await bench.title.textContent()).toBe('a-watermark.png');
    await keys.press('Run');
    await bench.useResult.waitFor();
    expect(await keys.readName()).toBe('Run');
    await keys.press('Copy the code');
    await bench.dialog.getByText('Code copied').waitFor();
    expect(await keys.findProblem()).toBe('');
    expect(await page.evaluate('navigator.clipboard.readText()')).toContain('"text": "by keys"');
    await keys.press('Close', 'Enter', 'Shift+Tab');
    await bench.dialog.waitFor({ state: 'hidden' });
    expect(await keys.findProblem()).toBe('');
    expect(await keys.readName()).toBe('Edit a.png');
  });

  it('goes on from a field that is out of range', async () => {
    const page = await open(DESKTOP, 'a.png');
    const keys = new Keys(page);
    await keys.press('Edit a.png');
    await page.keyboard.press('ArrowRight');
    await keys.goTo('Strength');
    await page.keyboard.press('ControlOrMeta+a');
    await page.keyboard.type('99');
    await keys.press('Run');

    expect(await keys.findProblem()).toBe('');
    expect(await keys.readName()).toBe('Strength');
  });

  it.each(['Upload the sample image tea.png', 'Upload all three'])(
    'keeps the focus when the samples make room for images: %s',
    async name => {
      const page = await open(DESKTOP);
      const keys = new Keys(page);
      await keys.press(name);
      await page.locator('.empty').waitFor({ state: 'hidden' });
      expect(await keys.findProblem()).toBe('');
      await page.locator('.card.image').first().waitFor();
      expect(await keys.findProblem()).toBe('');
    },
  );

  it('goes from the line about failures to the file, and on when it is dismissed', async () => {
    const page = await open(DESKTOP, ...Array.from({ length: 12 }, (_, index) => `${index}.png`));
    const keys = new Keys(page);
    await pick(page, TEXT_FILE);
    await keys.press('Show');
    expect(await keys.findProblem()).toBe('');
    expect(await keys.readName()).toBe('Dismiss notes.txt');
    await page.keyboard.press('Enter');
    expect(await keys.findProblem()).toBe('');

    await pick(page, TEXT_FILE);
    await keys.press('Dismiss', 'Enter', 'Shift+Tab');
    await page.locator('#failures').waitFor({ state: 'hidden' });
    expect(await page.evaluate('document.activeElement.id')).toBe('gallery');
    expect(await keys.findProblem()).toBe('');
    await page.keyboard.press('Tab');
    expect(await keys.findProblem()).toBe('');
  });

  it('keeps the focus when the connection is back', async () => {
    const page = await open(DESKTOP, 'a.png');
    const keys = new Keys(page);
    await page.route('**/api/**', route => route.abort());
    await page.evaluate(`dispatchEvent(new Event('online'))`);
    await page.locator('#offline').waitFor();
    await page.unroute('**/api/**');
    await keys.press('Try again');
    await page.locator('#offline').waitFor({ state: 'hidden' });

    expect(await keys.findProblem()).toBe('');
  });

  it('skips to the images', async () => {
    const page = await open(DESKTOP, 'a.png');
    const keys = new Keys(page);
    await keys.press('Skip to the images');
    await untilTrue(page, `document.activeElement.id === 'gallery'`);
    await keys.goTo('Edit a.png');
    expect(await keys.findProblem()).toBe('');
  });

  it.each(WINDOWS)(
    'shows what has the focus all the way there and back at %s',
    async (_, screen) => {
      const names = Array.from({ length: 7 }, (__, index) => `${index}.png`);
      const page = await open(screen, ...names);
      const keys = new Keys(page);
      await pick(page, TEXT_FILE);
      await page.locator('#requests li').first().waitFor();
      await page.locator('.card.image .select input').first().check();
      await page.evaluate(`scrollTo(0, 0), document.querySelector('.skip').focus()`);
      const count = await page.evaluate<number>(`${CONTROLS}.length`);

      expect(count).toBeGreaterThan(35);
      expect(await keys.walk(count - 1, 'Tab')).toEqual([]);
      expect(await keys.walk(count - 2, 'Shift+Tab')).toEqual([]);
    },
  );

  it.each(WINDOWS)('shows what has the focus in the workbench at %s', async (_, screen) => {
    const page = await open(screen, 'a.png');
    const keys = new Keys(page);
    const bench = new Workbench(page);
    await bench.open('a.png');
    await bench.choose('Watermark');
    await bench.runToResult();
    const close = bench.part('close');
    await close.focus();
    const controls = `${CONTROLS}.filter(control => control.closest('dialog[open]')).length`;
    // Of the five radio buttons one is on the way; the code is, though it is none of the controls.
    const count = (await page.evaluate<number>(controls)) - 4 + 1;

    expect(count).toBeGreaterThan(12);
    expect(await keys.walk(count - 1, 'Tab')).toEqual([]);
    expect(await keys.walk(count - 2, 'Shift+Tab')).toEqual([]);
  });
}

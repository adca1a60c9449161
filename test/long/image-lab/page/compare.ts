import { expect, it } from '@jest/globals';
import type { CDPSession, Locator } from 'playwright-core';
import type { PageTools } from '../../../support/image-lab/lab-page.js';
import {
  DESKTOP,
  isInSight,
  makeFlat,
  openOn,
  type PageNode,
  PHONE,
  SCREENS,
  type Screen,
} from './support/screens.js';
import { store, Workbench, type OperationLabel } from './support/workbench.js';

const ORANGE = '#e07020';

/** The colors of ten points of the frame, with so many of them left of the divider. */
function split(before: number): readonly string[] {
  return [...Array<string>(before).fill('orange'), ...Array<string>(10 - before).fill('gray')];
}

/** A point of an element, in pixels of the window. */
async function pointOf(element: Locator, x: number, y: number): Promise<{ x: number; y: number }> {
  const box = await element.boundingBox();
  if (box === null) throw new Error('There is nothing to point at.');
  return { x: box.x + box.width * x, y: box.y + box.height * y };
}

/** Moves a finger over the screen, in steps. */
async function swipe(
  session: CDPSession,
  from: { readonly x: number; readonly y: number },
  to: { readonly x: number; readonly y: number },
): Promise<void> {
  const touch = async (type: 'touchStart' | 'touchMove', share: number): Promise<void> => {
    const point = { x: from.x + (to.x - from.x) * share, y: from.y + (to.y - from.y) * share };
    await session.send('Input.dispatchTouchEvent', { type, touchPoints: [point] });
  };
  await touch('touchStart', 0);
  for (let step = 1; step <= 10; step += 1) await touch('touchMove', step / 10);
  await session.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
}

/** The slider over the image before and the image after. */
export function describeCompare(tools: PageTools): void {
  const openGray = async (screen: Screen): Promise<Workbench> => {
    await store(tools.lab, await makeFlat('flat.png', ORANGE, { width: 1_600, height: 700 }));
    const bench = new Workbench((await openOn(tools, screen)).page);
    await bench.open('flat.png');
    return bench;
  };

  it.each(SCREENS)(
    'shows the one left and the other right of the divider at %s',
    async (_, screen) => {
      const bench = await openGray(screen);
      await bench.runToResult();

      expect(await bench.readStrip()).toEqual(split(5));
      expect(await isInSight(bench.slider)).toBe(true);
      expect(await bench.divider.isVisible()).toBe(true);
      for (const [value, before] of [
        [0, 0],
        [30, 3],
        [90, 9],
        [100, 10],
      ] as const) {
        await bench.slider.fill(String(value));
        expect(await bench.readStrip()).toEqual(split(before));
      }
    },
  );

  it('follows the mouse that drags it, also beyond the edges', async () => {
    const bench = await openGray(DESKTOP);
    await bench.runToResult();
    const { mouse } = bench.page;
    const dragTo = async (x: number): Promise<readonly string[]> => {
      const { x: left, y } = await pointOf(bench.frame, x, 0.5);
      await mouse.move(left, y, { steps: 5 });
      return bench.readStrip();
    };

    const middle = await pointOf(bench.frame, 0.5, 0.5);
    await mouse.move(middle.x, middle.y);
    await mouse.down();
    expect(await dragTo(0.2)).toEqual(split(2));
    expect(await dragTo(0.8)).toEqual(split(8));
    expect(await dragTo(-0.05)).toEqual(split(0));
    expect(await dragTo(1.05)).toEqual(split(10));
    expect(await dragTo(0.4)).toEqual(split(4));
    await mouse.up();

    expect(await dragTo(0.9)).toEqual(split(4));
  });

  it('has the divider under the pointer, wherever it is dragged to', async () => {
    const bench = await openGray(DESKTOP);
    await bench.runToResult();

    for (const x of [0.1, 0.3, 0.7, 0.9]) {
      const point = await pointOf(bench.frame, x, 0.3);
      await bench.page.mouse.click(point.x, point.y);
      const box = await bench.divider.boundingBox();
      const middle = Number(box?.x) + Number(box?.width) / 2;
      expect(Math.abs(middle - point.x)).toBeLessThanOrEqual(12);
    }
  });

  it('follows the arrow keys, Home and End, and says where it is', async () => {
    const bench = await openGray(DESKTOP);
    await bench.runToResult();
    const { keyboard } = bench.page;
    await bench.slider.focus();

    for (let step = 0; step < 10; step += 1) await keyboard.press('ArrowLeft');
    expect(await bench.slider.inputValue()).toBe('40');
    expect(await bench.slider.getAttribute('aria-valuetext')).toBe('40%');
    expect(await bench.readStrip()).toEqual(split(4));
    await keyboard.press('ArrowRight');
    expect(await bench.slider.inputValue()).toBe('41');
    await keyboard.press('Home');
    expect(await bench.readStrip()).toEqual(split(0));
    await keyboard.press('End');
    expect(await bench.readStrip()).toEqual(split(10));
  });

  it('follows a finger, which scrolls as ever when it goes up or down', async () => {
    const bench = await openGray(PHONE);
    await bench.runToResult();
    await bench.frame.scrollIntoViewIfNeeded();
    const session = await bench.page.context().newCDPSession(bench.page);

    await swipe(
      session,
      await pointOf(bench.frame, 0.5, 0.5),
      await pointOf(bench.frame, 0.2, 0.5),
    );
    expect(await bench.readStrip()).toEqual(split(2));
    await bench.page.touchscreen.tap(
      ...(Object.values(await pointOf(bench.frame, 0.8, 0.3)) as [number, number]),
    );
    expect(await bench.readStrip()).toEqual(split(8));
    const before = await bench.dialog.evaluate((node: PageNode) => node.scrollTop);
    await swipe(
      session,
      await pointOf(bench.frame, 0.4, 0.8),
      await pointOf(bench.frame, 0.4, 0.1),
    );

    expect(await bench.dialog.evaluate((node: PageNode) => node.scrollTop)).toBeGreaterThan(before);
    expect(await bench.readStrip()).toEqual(split(8));
    await session.detach();
  });

  it.each<readonly [OperationLabel, Screen, number]>([
    ['Rotate', DESKTOP, 3 / 4],
    ['Rotate', PHONE, 3 / 4],
    ['Resize', DESKTOP, 4 / 3],
    ['Resize', PHONE, 4 / 3],
  ])(
    'shows a result of another shape whole and undistorted: %s',
    async (operation, screen, ratio) => {
      await store(tools.lab, await makeFlat('flat.png', ORANGE));
      const bench = new Workbench((await openOn(tools, screen)).page);
      await bench.open('flat.png');
      await bench.choose(operation);
      await bench.runToResult();

      const frame = await bench.frame.boundingBox();
      const picture = await bench.part('afterPicture').locator('img').boundingBox();
      const shape = Number(picture?.width) / Number(picture?.height);
      expect(Math.abs(shape - ratio)).toBeLessThan(0.02);
      expect(Number(picture?.x)).toBeGreaterThanOrEqual(Number(frame?.x));
      expect(Number(picture?.y)).toBeGreaterThanOrEqual(Number(frame?.y));
      expect(Number(picture?.width)).toBeLessThanOrEqual(Number(frame?.width));
      expect(Number(picture?.height)).toBeLessThanOrEqual(Number(frame?.height));
    },
  );

  it('shows nothing of a wide image beside the tall result', async () => {
    const bench = await openGray(DESKTOP);
    await bench.choose('Rotate');
    await bench.runToResult();
    await bench.slider.fill('0');
    const strip = await bench.readStrip();

    expect([strip[0], strip[1], strip[8], strip[9]]).toEqual(['none', 'none', 'none', 'none']);
    expect([strip[4], strip[5]]).toEqual(['orange', 'orange']);
    await bench.slider.fill('100');
    expect(await bench.readStrip()).toEqual(split(10));
  });

  it('is hidden until there is a result, and when there is none any more', async () => {
    const bench = await openGray(DESKTOP);
    const expectNone = async (): Promise<void> => {
      expect(await bench.slider.isVisible()).toBe(false);
      expect(await bench.divider.isVisible()).toBe(false);
      expect(await bench.readStrip()).toEqual(split(10));
      expect(await bench.part('state').isVisible()).toBe(true);
    };
    await expectNone();

    await bench.runToResult();
    expect(await bench.slider.isVisible()).toBe(true);
    await bench.useResult.click();
    expect(await bench.slider.isVisible()).toBe(false);
    await bench.page.keyboard.press('Escape');
    await bench.open('flat.png');
    await expectNone();

    tools.lab.emulator.faults.add({
      operation: 'get-object',
      effect: { kind: 'status', status: 403 },
      times: Infinity,
    });
    await bench.run.click();
    await bench.problem.getByText(/./).waitFor();
    tools.lab.emulator.faults.clear();
    await expectNone();
  });

  it('keeps what it shows when the window becomes a narrow one', async () => {
    const bench = await openGray(DESKTOP);
    await bench.runToResult();
    await bench.slider.fill('30');

    await bench.page.setViewportSize(PHONE.viewport);
    await bench.frame.scrollIntoViewIfNeeded();

    expect(await bench.readStrip()).toEqual(split(3));
    expect(await isInSight(bench.slider)).toBe(true);
    expect(await bench.dialog.evaluate((node: PageNode) => node.scrollWidth)).toBe(390);
  });

  it('brings the result into sight on a phone, below the button that made it', async () => {
    const bench = await openGray(PHONE);
    await bench.choose('Watermark');
    await bench.runToResult();

    expect(await isInSight(bench.slider)).toBe(true);
  });
}

import { describe, expect, it } from '@jest/globals';
import type { Locator, Page } from 'playwright-core';
import { pick, untilTrue, type PageTools } from '../../../support/image-lab/lab-page.js';
import { makeImage } from '../../../support/image-lab/pictures.js';
import { countChanged, DESKTOP, lookAt, openOn, type Sight } from './support/screens.js';
import { reachState, startUploads, STATES, type State } from './support/states.js';
import { store, Workbench } from './support/workbench.js';

const SCHEMES = ['light', 'dark'] as const;

/** Pixels that change between two states have to be so many that one sees it at a glance. */
const AT_A_GLANCE = 60;

/** Texts that are seen, and those of them whose color is nearly that of the background. */
const FAINT_TEXTS = `(() => {
  const channelsOf = color => color.match(/[\\d.]+/g).map(Number);
  const lightnessOf = color => {
    const [r, g, b] = channelsOf(color).map(part =>
      part / 255 <= 0.03928 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4,
    );
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const backgroundOf = element => {
    const { backgroundColor } = getComputedStyle(element);
    const [, , , alpha = 1] = channelsOf(backgroundColor);
    if (alpha > 0.5) return backgroundColor;
    return element.parentElement === null ? 'rgb(0, 0, 0)' : backgroundOf(element.parentElement);
  };
  const texts = [...document.body.querySelectorAll('*')].filter(
    element =>
      element.checkVisibility({ visibilityProperty: true, opacityProperty: true }) &&
      [...element.childNodes].some(({ nodeType, data }) => nodeType === 3 && data.trim() !== ''),
  );
  const faint = texts.filter(element => {
    const lights = [getComputedStyle(element).color, backgroundOf(element)].map(lightnessOf);
    return (Math.max(...lights) + 0.05) / (Math.min(...lights) + 0.05) < 4.5;
  });
  return { texts: texts.length, faint: faint.map(element => element.outerHTML.slice(0, 200)) };
})()`;

/** The border of an element as it is drawn. */
function borderOf(element: Locator): Promise<string> {
  return element.evaluate((node: object) => {
    const { borderTopStyle, borderTopWidth, borderTopColor } = getComputedStyle(node);
    return `${borderTopWidth} ${borderTopStyle} ${borderTopColor}`;
  });
}

declare function getComputedStyle(node: object): Readonly<Record<string, string>>;

/** The look of a page for a person who has chosen few colors of high contrast. */
export function describeForcedColors(tools: PageTools): void {
  const open = async (
    colorScheme: (typeof SCHEMES)[number],
    ...names: readonly string[]
  ): Promise<Page> => {
    for (const name of names) await store(tools.lab, await makeImage('png', name));
    const options = { forcedColors: 'active', reducedMotion: 'reduce', colorScheme } as const;
    return (await openOn(tools, DESKTOP, options)).page;
  };
  const openBench = async (colorScheme: (typeof SCHEMES)[number]): Promise<Workbench> => {
    const bench = new Workbench(await open(colorScheme, 'a.png'));
    await bench.open('a.png');
    return bench;
  };
  /** Looks at an element before and after a change, with pointer and focus elsewhere. */
  const change = async (element: Locator, act: () => Promise<unknown>): Promise<number> => {
    const look = async (): Promise<Sight> => {
      await element.page().mouse.move(1, 1);
      await element.page().evaluate('document.activeElement.blur()');
      return lookAt(element);
    };
    const before = await look();
    await act();
    return countChanged(before, await look());
  };

  describe.each(SCHEMES)('with a %s theme', scheme => {
    it('tells the switch on from the switch off', async () => {
      const page = await open(scheme);
      const control = page.getByRole('switch', { name: 'Straight to the cloud' });

      expect(await change(control, () => control.check())).toBeGreaterThan(AT_A_GLANCE);
    });

    it('tells which language is chosen', async () => {
      const page = await open(scheme);
      const button = page.getByRole('button', { name: '中文' });

      expect(await change(button, () => button.click())).toBeGreaterThan(300);
    });

    it('tells which operation is chosen', async () => {
      const bench = await openBench(scheme);
      const label = bench.dialog.locator('.operation', { hasText: 'Blur' });

      expect(await change(label, () => bench.choose('Blur'))).toBeGreaterThan(300);
    });

    it('tells a card that is selected', async () => {
      const page = await open(scheme, 'a.png', 'b.png');
      const card = page.locator('.card.image').first();
      const around = page.locator('[data-part=cards]');

      expect(await change(around, () => card.locator('.select input').check())).toBeGreaterThan(
        1_000,
      );
    });

    it('tells a card that has failed from one that waits, was cancelled or is stored', async () => {
      const page = await open(scheme, 'stored.png');
      await startUploads(page);
      const border = (selector: string): Promise<string> =>
        borderOf(page.locator(selector).first());

      const failed = await border('.upload[data-state=failed]');
      expect(failed).toMatch(/^3px double/);
      expect(await border('.upload[data-state=waiting]')).not.toBe(failed);
      expect(await border('.upload[data-state=cancelled]')).not.toBe(failed);
      expect(await border('.card.image')).not.toBe(failed);
    });

    it('tells how far an upload is', async () => {
      const page = await open(scheme);
      // An upload that goes on would set the bar.
      await page.route('**/api/images', () => {});
      await pick(page, await makeImage('png', 'a.png'));
      const bar = page.locator('progress[data-leg=cloud]');
      await bar.waitFor();
      const at = async (value: number): Promise<Sight> => {
        await bar.evaluate((node: { value: number }, share) => void (node.value = share), value);
        return lookAt(bar);
      };

      const [none, half, all] = [await at(0), await at(50), await at(100)];
      const quarter = (none.width * none.height) / 4;
      expect(countChanged(none, half)).toBeGreaterThan(quarter);
      expect(countChanged(half, all)).toBeGreaterThan(quarter);
      expect(countChanged(none, all)).toBeGreaterThan(2 * quarter);
    });

    it('tells that an operation runs', async () => {
      const bench = await openBench(scheme);
      await bench.page.route('**/api/operations', () => {});
      const before = { frame: await borderOf(bench.frame), run: await borderOf(bench.run) };
      const changed = await change(bench.run, () => bench.run.click());

      expect(changed).toBeGreaterThan(AT_A_GLANCE);
      expect(await borderOf(bench.frame)).toMatch(/^2px dashed/);
      expect(await borderOf(bench.frame)).not.toBe(before.frame);
      expect(await borderOf(bench.run)).not.toBe(before.run);
    });

    it('tells a field that is out of range', async () => {
      const bench = await openBench(scheme);
      await bench.choose('Watermark');
      for (const option of ['text', 'sizePercent']) {
        const field = bench.field(option);
        const before = await borderOf(field);
        await field.fill('');
        expect(await borderOf(field)).toMatch(/^3px double/);
        expect(await borderOf(field)).not.toBe(before);
        expect(await bench.problemOf(option).isVisible()).toBe(true);
      }
    });

    it('shows the divider, whatever lies below it', async () => {
      const bench = await openBench(scheme);
      await bench.runToResult();
      const moved = await change(bench.frame, () => bench.slider.fill('30'));
      const handle = await lookAt(bench.divider);
      const shades = [0.1, 0.3, 0.5].map(x =>
        handle.at(x, 0.1).reduce((sum, part) => sum + part, 0),
      );

      expect(moved).toBeGreaterThan(1_000);
      expect(Math.max(...shades) - Math.min(...shades)).toBeGreaterThan(600);
    });

    it('tells requests of the storage from those of the API, and how large they were', async () => {
      const page = await open(scheme, 'a.png');
      const ofStorage = page.locator('.request.of-storage').first();
      const ofApi = page.locator('.request:not(.of-storage)').first();
      await ofStorage.waitFor();

      expect(await borderOf(ofStorage)).toMatch(/^3px double/);
      expect(await borderOf(ofApi)).not.toBe(await borderOf(ofStorage));
      const bar = ofStorage.locator('.request-share');
      const shrink = (): Promise<unknown> =>
        bar.evaluate((node: { style: { setProperty(name: string, value: string): void } }) =>
          node.style.setProperty('--share', '2%'),
        );
      expect(await change(bar, shrink)).toBeGreaterThan(AT_A_GLANCE);
    });

    it('tells the emulator from WeChat', async () => {
      const page = await open(scheme);
      await page.route('**/api/mode', async route => {
        const response = await route.fetch();
        const mode = (await response.json()) as object;
        await route.fulfill({ response, json: { ...mode, mode: 'wechat', env: 'prod-1' } });
      });
      const changed = await change(page.locator('.mode-dot'), async () => {
        await page.reload();
        await page.locator('[data-mode=wechat]').waitFor();
      });

      expect(changed).toBeGreaterThan(8);
    });

    it('tells that files can be let go over the page', async () => {
      const page = await open(scheme);
      const zone = page.locator('#drop');
      const before = await borderOf(zone);
      await page.evaluate(`{
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(new File([''], 'a.png'));
        dispatchEvent(new DragEvent('dragover', { dataTransfer }));
      }`);
      await untilTrue(page, `document.querySelector('#drop.over') !== null`);

      expect(await borderOf(zone)).not.toBe(before);
    });

    it.each(['uploads under way', 'a gallery with a selection', 'a workbench with a result'])(
      'has texts that stand out from what is behind them: %s',
      async name => {
        const page = await reachState(tools, STATES[name] as State, () => open(scheme));
        const { faint, texts } = await page.evaluate<{ faint: string[]; texts: number }>(
          FAINT_TEXTS,
        );

        expect(texts).toBeGreaterThan(20);
        expect(faint).toEqual([]);
      },
    );

    it('draws an outline around what has the focus', async () => {
      const page = await open(scheme, 'a.png');
      const button = page.locator('.card.image .card-title button');
      const before = await lookAt(page.locator('.card.image'));
      await page.locator('.card.image .select input').focus();
      await page.keyboard.press('Tab');

      expect(await button.evaluate((node: object) => node === document.activeElement)).toBe(true);
      expect(countChanged(before, await lookAt(page.locator('.card.image')))).toBeGreaterThan(200);
    });
  });
}

declare const document: { readonly activeElement: unknown };

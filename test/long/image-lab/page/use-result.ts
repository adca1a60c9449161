import { expect, it } from '@jest/globals';
import type { PageTools } from '../../../support/image-lab/lab-page.js';
import { DESKTOP, openOn, SCREENS, watchPosts } from './support/screens.js';
import { readNames, store, Workbench, type OperationLabel } from './support/workbench.js';

const STEPS: readonly (readonly [OperationLabel, string, string])[] = [
  ['Grayscale', 'grayscale', 'a-grayscale.png'],
  ['Rotate', 'rotate', 'a-grayscale-rotate-90.png'],
  ['Resize', 'resize', 'a-grayscale-rotate-90-480.png'],
];

const FOCUSED = `({ value: document.activeElement.value, isRadio: document.activeElement.type === 'radio' })`;

/** "Use the result as input". */
export function describeUseResult(tools: PageTools): void {
  it.each(SCREENS)(
    'has the next operation work on the result, three times in a row, at %s',
    async (_, screen) => {
      const first = await store(tools.lab);
      const { page, problems } = await openOn(tools, screen);
      const bench = new Workbench(page);
      const posts = watchPosts(page, '/api/operations');
      await bench.open('a.png');

      const inputs = [first];
      for (const [label, operation, name] of STEPS) {
        await bench.choose(label);
        expect(await bench.readCode()).toContain(`"fileId": "${inputs.at(-1)}"`);
        await bench.runToResult();
        inputs.push(String(await bench.resultId()));
        expect(await bench.resultName()).toBe(name);
        await bench.useResult.click();

        expect(await bench.title.textContent()).toBe(name);
        expect(await bench.part('before').locator('.compare-name').textContent()).toBe(name);
        expect(await page.evaluate(FOCUSED)).toEqual({ value: operation, isRadio: true });
        expect(await bench.useResult.isVisible()).toBe(false);
        expect(await bench.after.textContent()).toBe('');
        await bench.dialog.getByText(`${name} is the input now`).waitFor();
      }

      expect(posts).toEqual([
        expect.objectContaining({ fileId: inputs[0], operation: 'grayscale' }),
        expect.objectContaining({ fileId: inputs[1], operation: 'rotate' }),
        expect.objectContaining({ fileId: inputs[2], operation: 'resize' }),
      ]);
      expect(new Set(inputs).size).toBe(4);
      expect(await readNames(tools.lab)).toEqual([
        ...STEPS.map(([, , name]) => name).toReversed(),
        'a.png',
      ]);
      expect(await page.locator('.card.image h3').allTextContents()).toEqual(
        await readNames(tools.lab),
      );
      expect(problems).toEqual([]);
    },
  );

  it('keeps the operation and its options', async () => {
    await store(tools.lab);
    const bench = new Workbench((await openOn(tools, DESKTOP)).page);
    await bench.open('a.png');
    await bench.choose('Blur');
    await bench.field('sigma').fill('3.5');
    await bench.runToResult();
    await bench.useResult.click();

    expect(await bench.field('sigma').inputValue()).toBe('3.5');
    await bench.runToResult();
    expect(await bench.resultName()).toBe('a-blur-3.5-blur-3.5.png');
  });

  it('gives the result of the same operation another name', async () => {
    await store(tools.lab);
    const bench = new Workbench((await openOn(tools, DESKTOP)).page);
    await bench.open('a.png');
    const names: unknown[] = [];
    for (let run = 0; run < 3; run += 1) {
      await bench.runToResult();
      names.push(await bench.resultName());
    }

    const expected = ['a-grayscale.png', 'a-grayscale (2).png', 'a-grayscale (3).png'];
    expect(names).toEqual(expected);
    expect(await bench.page.locator('.card.image h3').allTextContents()).toEqual([
      ...expected.toReversed(),
      'a.png',
    ]);
    await bench.page.reload();
    await bench.page.locator('.card.image').nth(3).waitFor();
    expect(await bench.page.locator('.card.image h3').allTextContents()).toEqual([
      ...expected.toReversed(),
      'a.png',
    ]);
  });
}

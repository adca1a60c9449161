import { expect, it } from '@jest/globals';
import type { PageTools } from '../../../support/image-lab/lab-page.js';
import {
  DESKTOP,
  hasFocus,
  isInSight,
  openOn,
  PHONE,
  watchPosts,
  type Screen,
} from './support/screens.js';
import { store, Workbench, type OperationLabel } from './support/workbench.js';

interface Row {
  readonly operation: OperationLabel;
  readonly option: string;
  /** Texts that are typed and refused, by the fault in them. */
  readonly wrong: Readonly<Record<string, string>>;
  readonly says: string;
  readonly good: string;
}

const NONE = { empty: '', letters: 'abc', 'no number': '-', blanks: '   ' };

const ROWS: readonly Row[] = [
  {
    operation: 'Blur',
    option: 'sigma',
    wrong: {
      below: '0.4',
      above: '40.5',
      'far above': '1e9',
      negative: '-8',
      fraction: '8.25',
      ...NONE,
    },
    says: 'Strength: enter a number from 0.5 to 40, in steps of 0.5.',
    good: '0.5',
  },
  {
    operation: 'Resize',
    option: 'longestSide',
    wrong: {
      below: '15',
      above: '4097',
      'far above': '99999',
      negative: '-480',
      fraction: '99.5',
      ...NONE,
    },
    says: 'Longest side (px): enter a number from 16 to 4096, in steps of 1.',
    good: '16',
  },
  {
    operation: 'Rotate',
    option: 'degrees',
    wrong: { below: '-181', above: '181', 'far above': '3600', fraction: '0.5', ...NONE },
    says: 'Angle, clockwise (°): enter a number from -180 to 180, in steps of 1.',
    good: '-180',
  },
  {
    operation: 'Watermark',
    option: 'sizePercent',
    wrong: { below: '1', above: '21', negative: '-6', fraction: '6.5', ...NONE },
    says: 'Letter height (% of width): enter a number from 2 to 20, in steps of 1.',
    good: '20',
  },
  {
    operation: 'Watermark',
    option: 'opacityPercent',
    wrong: { below: '9', above: '101', negative: '-80', fraction: '80.5', ...NONE },
    says: 'Opacity (%): enter a number from 10 to 100, in steps of 1.',
    good: '10',
  },
  {
    operation: 'Watermark',
    option: 'text',
    wrong: { empty: '', blanks: '   ', '61 characters': 'x'.repeat(61) },
    says: 'Text: enter 1 to 60 characters.',
    good: 'x'.repeat(60),
  },
];

/** Values that are refused, and the words for it. */
export function describeOptions(tools: PageTools): void {
  const openBench = async (
    operation: OperationLabel,
    screen: Screen = DESKTOP,
  ): Promise<Workbench> => {
    await store(tools.lab);
    const bench = new Workbench((await openOn(tools, screen)).page);
    await bench.open('a.png');
    await bench.choose(operation);
    return bench;
  };
  /** Types as a person does: what a field does not take is not in it. */
  const retype = async (bench: Workbench, option: string, text: string): Promise<void> => {
    await bench.field(option).focus();
    await bench.page.keyboard.press('ControlOrMeta+a');
    await bench.page.keyboard.press('Delete');
    await bench.page.keyboard.type(text);
  };
  const expectNamed = async (bench: Workbench, { option, says }: Row): Promise<void> => {
    const field = bench.field(option);
    expect(await bench.problemOf(option).textContent()).toBe(says);
    expect(await isInSight(bench.problemOf(option))).toBe(true);
    expect(await field.getAttribute('aria-invalid')).toBe('true');
    expect(await field.getAttribute('aria-describedby')).toBe(
      await bench.problemOf(option).getAttribute('id'),
    );
  };

  it.each(ROWS)('refuses a wrong $option of $operation as soon as it is typed', async row => {
    const { operation, option, wrong, good } = row;
    const bench = await openBench(operation);
    const posts = watchPosts(bench.page, '/api/operations');

    for (const [what, typed] of Object.entries(wrong)) {
      await retype(bench, option, good);
      expect([what, await bench.problemOf(option).textContent()]).toEqual([what, '']);
      expect(await bench.field(option).getAttribute('aria-invalid')).toBe('false');
      await retype(bench, option, typed);
      await expectNamed(bench, row);
      await bench.page.keyboard.press('Enter');
      await expectNamed(bench, row);
      await bench.run.click();
      await expectNamed(bench, row);
      expect(await hasFocus(bench.field(option))).toBe(true);
    }
    expect(await bench.part('state').textContent()).toContain('The result appears');
    expect(posts).toEqual([]);

    await retype(bench, option, good);
    await bench.runToResult();
    expect(posts).toHaveLength(1);
  });

  it.each(ROWS.filter(({ option }) => option !== 'text'))(
    'takes the ends of the range, and no step beyond, from the keys in $option',
    async ({ operation, option }) => {
      const bench = await openBench(operation);
      const field = bench.field(option);
      const [min, max] = [await field.getAttribute('min'), await field.getAttribute('max')];

      for (const [end, key] of [
        [max, 'ArrowUp'],
        [min, 'ArrowDown'],
      ] as const) {
        await retype(bench, option, String(end));
        await bench.page.keyboard.press(key);
        expect(await field.inputValue()).toBe(end);
        expect(await bench.problemOf(option).textContent()).toBe('');
        expect(await bench.dialog.locator(`#option-${option}`).inputValue()).toBe(end);
      }
    },
  );

  it.each(ROWS.filter(({ option }) => option !== 'text'))(
    'lets the slider mend what was typed wrong in $option',
    async ({ operation, option, wrong }) => {
      const bench = await openBench(operation);
      await retype(bench, option, String(wrong['above']));
      expect(await bench.problemOf(option).textContent()).not.toBe('');
      const slider = bench.dialog.locator(`#option-${option}`);
      await slider.focus();
      for (const [key, end] of [
        ['Home', 'min'],
        ['End', 'max'],
        ['Home', 'min'],
      ] as const) {
        await bench.page.keyboard.press(key);
        expect(await slider.inputValue()).toBe(await slider.getAttribute(end));
      }

      expect(await bench.problemOf(option).textContent()).toBe('');
      expect(await bench.field(option).inputValue()).toBe(await slider.getAttribute('min'));
    },
  );

  it('names every field that is wrong, and goes to the first one', async () => {
    const bench = await openBench('Watermark');
    const posts = watchPosts(bench.page, '/api/operations');
    for (const option of ['opacityPercent', 'sizePercent', 'text']) await retype(bench, option, '');
    await bench.run.click();

    for (const row of ROWS.filter(({ operation }) => operation === 'Watermark')) {
      await expectNamed(bench, row);
    }
    expect(await hasFocus(bench.field('text'))).toBe(true);
    expect(posts).toEqual([]);
  });

  it('names the field on a phone, and in Chinese', async () => {
    const bench = await openBench('Resize', PHONE);
    await retype(bench, 'longestSide', '5000');
    await bench.run.click();
    expect(await isInSight(bench.problemOf('longestSide'))).toBe(true);

    await bench.part('close').click();
    await bench.page.getByRole('button', { name: '中文' }).click();
    await bench.page.locator('.card.image .thumbnail').click();
    await retype(bench, 'longestSide', '5000');
    expect(await bench.problemOf('longestSide').textContent()).toBe(
      '最长边（px）：请输入 16 到 4096 之间的数，步长 1。',
    );
  });

  it.each([
    { option: 'sigma', says: 'Strength: the server refused this value.' },
    { option: undefined, says: 'The server refused these settings. Check the values.' },
    { option: 'unheardOf', says: 'The server refused these settings. Check the values.' },
  ])('says which value the server refused: $option', async ({ option, says }) => {
    const bench = await openBench('Blur');
    const problems: string[] = [];
    bench.page.on('pageerror', error => problems.push(String(error)));
    const json = { statusCode: 400, errorCode: 'OPERATION_INVALID', option };
    await bench.page.route('**/api/operations', route => route.fulfill({ status: 400, json }));

    await bench.run.click();
    await bench.problem.getByText(says).waitFor();

    expect(await isInSight(bench.problem)).toBe(true);
    expect(await bench.run.getAttribute('aria-disabled')).toBe('false');
    expect(await bench.part('state').textContent()).toContain('The result appears');
    expect(problems).toEqual([]);
    await bench.page.unroute('**/api/operations');
    await bench.runToResult();
    expect(await bench.problem.textContent()).toBe('');
  });

  it('says what this server really refuses', async () => {
    const bench = await openBench('Watermark');
    await bench.field('text').fill('a\tb');
    await bench.run.click();

    await bench.problem.getByText(/./).waitFor();
    expect(await bench.problem.textContent()).toBe('Text: the server refused this value.');
  });
}

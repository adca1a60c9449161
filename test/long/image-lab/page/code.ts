import { expect, it } from '@jest/globals';
import type { PageTools } from '../../../support/image-lab/lab-page.js';
import {
  DESKTOP,
  hasFocus,
  isInSight,
  openOn,
  type PageNode,
  PHONE,
  SCREENS,
  watchPosts,
} from './support/screens.js';
import { readNames, store, Workbench, type OperationLabel } from './support/workbench.js';

/** The argument that the code passes to `wx.cloud.callContainer`. */
interface ContainerCall {
  readonly config: { readonly env: string };
  readonly path: string;
  readonly method: string;
  readonly header: Readonly<Record<string, string>>;
  readonly data: unknown;
}

type Runnable = (wx: object, console: object) => Promise<void>;

/** The code as a function, with what it calls. */
const compile = (async () => {}).constructor as new (...parts: string[]) => Runnable;

const OPERATIONS: readonly (readonly [OperationLabel, string])[] = [
  ['Grayscale', 'a-grayscale.png'],
  ['Blur', 'a-blur-8.png'],
  ['Resize', 'a-480.png'],
  ['Rotate', 'a-rotate-90.png'],
  ['Watermark', 'a-watermark.png'],
];

/** "What a mini program calls". */
export function describeCode(tools: PageTools): void {
  const openBench = async (screen = DESKTOP): Promise<Workbench> => {
    await store(tools.lab);
    const bench = new Workbench((await openOn(tools, screen)).page);
    await bench.open('a.png');
    return bench;
  };
  /** Runs code as a mini program would, with calls that come to the lab. */
  const run = async (code: string): Promise<{ calls: ContainerCall[]; said: unknown[] }> => {
    const calls: ContainerCall[] = [];
    const said: unknown[] = [];
    const callContainer = async (call: ContainerCall): Promise<{ data: unknown }> => {
      calls.push(call);
      const { path, method, header, data } = call;
      const response = await fetch(`${tools.lab.url}${path}`, {
        method,
        headers: header,
        body: JSON.stringify(data),
      });
      return { data: await response.json() };
    };
    const wx = { cloud: { callContainer } };
    await new compile('wx', 'console', code)(wx, { log: (text: unknown) => said.push(text) });
    return { calls, said };
  };

  it.each(OPERATIONS)(
    'runs in a mini program as it stands, and makes the result: %s',
    async (label, name) => {
      const bench = await openBench();
      const posts = watchPosts(bench.page, '/api/operations');
      await bench.choose(label);
      const { calls, said } = await run(await bench.readCode());

      expect(await readNames(tools.lab)).toEqual([name, 'a.png']);
      expect(said).toEqual([(await tools.lab.listImages())[0]]);
      await bench.runToResult();
      expect(calls).toEqual([
        {
          config: { env: tools.lab.emulator.env },
          path: '/api/operations',
          method: 'POST',
          header: {
            'X-WX-SERVICE': expect.stringMatching(/^[a-z-]+$/),
            'content-type': 'application/json',
          },
          data: posts[0],
        },
      ]);
    },
  );

  it('follows every change of operation and option at once', async () => {
    const bench = await openBench();
    const dataOf = async (): Promise<unknown> => (await run(await bench.readCode())).calls[0]?.data;

    await bench.choose('Blur');
    expect(await dataOf()).toMatchObject({ operation: 'blur', options: { sigma: 8 } });
    await bench.field('sigma').fill('2.5');
    expect(await dataOf()).toMatchObject({ options: { sigma: 2.5 } });
    await bench.dialog.locator('#option-sigma').fill('20');
    expect(await dataOf()).toMatchObject({ options: { sigma: 20 } });
    await bench.choose('Watermark');
    await bench.field('text').fill('it\'s "✓" \\ `${1}` 图片');
    await bench.dialog.locator('#option-position').selectOption('centre');
    await bench.field('sizePercent').fill('11');
    await bench.dialog.locator('#option-opacityPercent').fill('55');
    expect(await dataOf()).toMatchObject({
      operation: 'watermark',
      options: {
        text: 'it\'s "✓" \\ `${1}` 图片',
        position: 'centre',
        sizePercent: 11,
        opacityPercent: 55,
      },
    });
    await bench.choose('Grayscale');
    expect(await dataOf()).toMatchObject({ operation: 'grayscale', options: {} });
  });

  it('is explained in the language of the page, and the same code', async () => {
    const bench = await openBench();
    const english = await bench.readCode();
    await bench.part('close').click();
    await bench.page.getByRole('button', { name: '中文' }).click();
    await bench.page.locator('.card.image .thumbnail').click();
    const chinese = await bench.readCode();

    const comments = /^ *\/\/.*\n/gm;
    expect(chinese.replaceAll(comments, '')).toBe(english.replaceAll(comments, ''));
    expect(english).toContain('// once, in app.js: wx.cloud.init()');
    expect(chinese).toContain('// 在 app.js 中执行一次 wx.cloud.init()');
    expect(chinese.match(comments)).toHaveLength(3);
    expect((await run(chinese)).said).toEqual([(await tools.lab.listImages())[0]]);
  });

  it.each(SCREENS)('is copied by its button at %s', async (_, screen) => {
    const bench = await openBench(screen);
    await bench.page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    const copy = bench.dialog.getByRole('button', { name: 'Copy the code' });
    await copy.click();
    await bench.dialog.getByText('Code copied').waitFor();

    expect(await bench.page.evaluate('navigator.clipboard.readText()')).toBe(
      await bench.readCode(),
    );
    expect(await hasFocus(copy)).toBe(true);
  });

  it('is selected where the browser does not allow copying, and that is said', async () => {
    const bench = await openBench();
    await bench.page.evaluate(`
      navigator.clipboard.writeText = () => Promise.reject(new DOMException('', 'NotAllowedError'))
    `);
    await bench.dialog.getByRole('button', { name: 'Copy the code' }).click();
    await bench.dialog.getByText('Copy the selected code by hand').waitFor();

    expect(await bench.page.evaluate('getSelection().toString().trim()')).toBe(
      (await bench.readCode()).trim(),
    );
  });

  it('is within the screen of a phone, and scrolls by itself', async () => {
    const bench = await openBench(PHONE);
    await bench.code.scrollIntoViewIfNeeded();
    const pre = bench.dialog.locator('pre');

    expect(await isInSight(pre)).toBe(true);
    expect(await pre.evaluate((node: PageNode) => node.scrollWidth > node.clientWidth)).toBe(true);
    expect(await bench.dialog.evaluate((node: PageNode) => node.scrollWidth)).toBe(390);
  });
}

import type { Page } from 'playwright-core';
import {
  pick,
  slowDown,
  untilTrue,
  type PageTools,
} from '../../../../support/image-lab/lab-page.js';
import { makeImage, type PickedFile } from '../../../../support/image-lab/pictures.js';
import { store, Workbench } from './workbench.js';

/** A state of the page: what the lab holds when it is opened, and what is done then. */
export interface State {
  readonly images?: number;
  readonly reach: (page: Page, tools: PageTools) => Promise<unknown>;
}

/** A file that is not an image. */
export const TEXT_FILE: PickedFile = {
  name: 'notes.txt',
  mimeType: 'text/plain',
  buffer: Buffer.from('no image'),
};

/** Blocks requests to a path of the lab without a response. */
async function hang(page: Page, path: string): Promise<void> {
  await page.route(path, () => {});
}

async function openBench(page: Page): Promise<Workbench> {
  const bench = new Workbench(page);
  await bench.open('1.png');
  return bench;
}

/** Every state that a person can see, by its name. */
export const STATES: Readonly<Record<string, State>> = {
  'before its scripts have come': {
    reach: async page => {
      await hang(page, '**/app.js');
      await page.reload({ waitUntil: 'commit' });
      await page.locator('.loading').waitFor();
    },
  },
  loading: {
    reach: async page => {
      await hang(page, '**/api/mode');
      await hang(page, '**/api/images');
      await page.reload({ waitUntil: 'commit' });
      await page.locator('html[data-ready] .skeleton').first().waitFor();
    },
  },
  empty: { reach: page => page.locator('[data-part=empty]').waitFor() },
  'uploads under way': { reach: startUploads },
  'an upload straight to the cloud': {
    reach: async page => {
      await page.getByRole('switch', { name: 'Straight to the cloud' }).check();
      await slowDown(page, 20_000);
      await pick(page, await makeImage('png', 'direct.png', 1_200));
      await page.getByText(/form valid until/).waitFor();
    },
  },
  'a gallery with a selection': {
    images: 3,
    reach: async page => {
      await page.locator('.card.image .select input').nth(1).check();
      await page.locator('#requests li').first().waitFor();
    },
  },
  'an image that is gone from the cloud': {
    images: 1,
    reach: async (page, { lab }) => {
      await page.route(`${lab.emulator.url}/**`, route => route.fulfill({ status: 404 }));
      await page.route('**/api/images', async route => {
        const response = await route.fetch();
        const { images } = (await response.json()) as { images: readonly object[] };
        const gone = images.map(image => ({ ...image, url: null, thumbnailUrl: null }));
        await route.fulfill({ response, json: { images: gone } });
      });
      await page.reload();
      await page.locator('.missing').waitFor();
    },
  },
  'an empty workbench': { images: 1, reach: openBench },
  'a workbench with a result': {
    images: 1,
    reach: async page => {
      const bench = await openBench(page);
      await bench.choose('Rotate');
      await bench.runToResult();
    },
  },
  'a workbench with options that are out of range': {
    images: 1,
    reach: async page => {
      const bench = await openBench(page);
      await bench.choose('Watermark');
      await bench.field('text').fill('');
      await bench.field('sizePercent').fill('99');
      await bench.problemOf('sizePercent').getByText(/./).waitFor();
    },
  },
  'a workbench whose operation was refused': {
    images: 1,
    reach: async page => {
      const json = { errorCode: 'RESULT_TOO_LARGE' };
      await page.route('**/api/operations', route => route.fulfill({ status: 422, json }));
      const bench = await openBench(page);
      await bench.run.click();
      await bench.problem.getByText(/./).waitFor();
    },
  },
  'a busy workbench': {
    images: 1,
    reach: async page => {
      await hang(page, '**/api/operations');
      const bench = await openBench(page);
      await bench.run.click();
      await page.locator('.frame.busy').waitFor();
    },
  },
  'a question': {
    images: 2,
    reach: async page => {
      await page.getByRole('button', { name: 'Select all' }).click();
      await page.locator('[data-part=deleteSelected]').click();
      await page.locator('#confirm').waitFor();
    },
  },
  offline: {
    images: 1,
    reach: async page => {
      await page.route('**/api/**', route => route.abort());
      await page.evaluate(`dispatchEvent(new Event('online'))`);
      await page.locator('#offline').waitFor();
    },
  },
  'a message': {
    images: 1,
    reach: async page => {
      // Messages go after a while; this one stays as long as it is looked at.
      await page.evaluate(`{
        const { setTimeout } = window;
        window.setTimeout = (act, ms) => (ms === 3_000 ? 0 : setTimeout(act, ms));
      }`);
      await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
      await page.getByRole('button', { name: 'Copy the file ID of 1.png' }).click();
      await page.locator('#toast.shown').waitFor();
    },
  },
};

/** Opens the page in a state; `open` opens it once the lab holds the images. */
export async function reachState(
  tools: PageTools,
  { images = 0, reach }: State,
  open: () => Promise<Page>,
): Promise<Page> {
  for (let count = 1; count <= images; count += 1) {
    await store(tools.lab, await makeImage('png', `${count}.png`));
  }
  const page = await open();
  await reach(page, tools);
  return page;
}

/** Files on their way: two are sent, one waits, one was cancelled and one has failed. */
export async function startUploads(page: Page): Promise<void> {
  await slowDown(page, 20_000);
  const names = ['first.png', 'second.png', 'third.png', 'cancelled.png'];
  const images = await Promise.all(names.map(name => makeImage('png', name)));
  await pick(page, ...images, TEXT_FILE);
  await page.locator('.upload[data-state=failed]').waitFor();
  await page.locator('.upload[data-state=sending]').nth(1).waitFor();
  await page.getByRole('button', { name: 'Cancel the upload of cancelled.png' }).click();
  await page.locator('.upload[data-state=cancelled]').waitFor();
  await untilTrue(page, 'seenProgress.some(({ value }) => value > 0)');
}

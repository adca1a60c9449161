import { expect, it } from '@jest/globals';
import type { BrowserContextOptions, Page } from 'playwright-core';
import type { WxCloudEmulatorJournalEntry } from '../../../../../lib/emulator/index.js';
import {
  cardNamed,
  cardsOf,
  isInSight,
  openDirect,
  pick,
  requestsOf,
  type PageTools,
} from '../../../../support/image-lab/lab-page.js';
import type { LabServer } from '../../../../support/image-lab/lab-server.js';
import { makeImage } from '../../../../support/image-lab/pictures.js';
import { until } from '../../../../support/until.js';
import { makeSmallImage, store, watchRequests } from './support.js';

const FILES = new Set(['post-object', 'get-object', 'head-object']);

/** A request as the strip shows it. */
interface ShownRequest {
  readonly head: string;
  readonly way: string;
  readonly operation: string;
  readonly numbers: string;
}

/** The requests that storing an image took, as the emulator has seen them. */
async function readJournal(
  lab: LabServer,
  name: string,
): Promise<readonly WxCloudEmulatorJournalEntry[]> {
  const { body } = await lab.get('/api/images');
  const images = body['images'] as readonly Record<'name' | 'fileId' | 'thumbnailId', string>[];
  const { fileId = '', thumbnailId = '' } = images.find(image => image.name === name) ?? {};
  const paths = [fileId, thumbnailId].map(id => id.replace(/^cloud:\/\/[^/]+\//, ''));
  const about = lab.emulator.journal.filter(({ cloudPaths }) =>
    cloudPaths?.some(path => paths.includes(path)),
  );
  const thumbnail = paths[1] ?? '';
  const links = about.findIndex(
    ({ operation, cloudPaths }) =>
      operation === 'download-links' && cloudPaths?.includes(thumbnail) === true,
  );
  return about.slice(0, links + 1);
}

/** The size as the page writes it; spelled here a second time. */
function toSize(bytes: number): string {
  const [amount, unit] = bytes < 1_024 ? [bytes, 'B'] : [bytes / 1_024, 'KB'];
  const [size, name] = amount < 1_024 ? [amount, unit] : [amount / 1_024, 'MB'];
  return `${Number.isInteger(size) || size >= 100 ? Math.round(size) : size.toFixed(1)} ${name}`;
}

function toShown(entry: WxCloudEmulatorJournalEntry): ShownRequest {
  const { method, status, operation, requestBytes, responseBytes, durationMs, origin } = entry;
  const sizes = `↑ ${toSize(requestBytes)}  ↓ ${toSize(responseBytes)}`;
  return {
    head: `${method} ${status}`,
    way: origin === undefined ? 'from the app' : 'from the browser',
    operation,
    numbers: `${sizes}  ${Math.max(1, Math.round(durationMs))} ms`,
  };
}

async function readStrip(page: Page): Promise<readonly ShownRequest[]> {
  const requests = await requestsOf(page).all();
  return Promise.all(
    requests.map(async request => ({
      head: (await request.locator('code').textContent()) ?? '',
      way: (await request.locator('.request-way').textContent()) ?? '',
      operation: (await request.locator('strong').textContent()) ?? '',
      numbers: (await request.locator('.request-numbers').textContent()) ?? '',
    })),
  );
}

function titleOf(page: Page): Promise<string | null> {
  return page.locator('#requests-title').textContent();
}

async function untilAbout(page: Page, name: string): Promise<void> {
  await page.locator('#requests').getByText(`Last upload: ${name}`, { exact: true }).waitFor();
}

function sumOf(entries: readonly WxCloudEmulatorJournalEntry[]): string {
  return toSize(entries.reduce((sum, each) => sum + each.requestBytes + each.responseBytes, 0));
}

/** The requests to the cloud, which the page shows. */
export function describeStrip(tools: PageTools): void {
  const { lab, openPage } = tools;

  it('shows exactly the requests that the cloud has got', async () => {
    const image = await makeImage('png', 'a.png', 2_000);
    const { page } = await openPage(lab.url);
    expect(await page.locator('#requests').textContent()).toContain('Upload an image to see');

    await pick(page, image);
    await untilAbout(page, 'a.png');

    const journal = await readJournal(lab, 'a.png');
    expect(await readStrip(page)).toEqual(journal.map(toShown));
    expect(journal.map(({ operation, method }) => `${method} ${operation}`)).toEqual([
      'POST upload-link',
      'POST post-object',
      'POST download-links',
      'GET get-object',
      'POST upload-link',
      'POST post-object',
      'POST download-links',
    ]);
    expect(journal[1]?.requestBytes).toBeGreaterThan(image.buffer.length);
    expect(journal[3]?.responseBytes).toBe(image.buffer.length);
  });

  it('sums up what was content and what was not', async () => {
    const { page } = await openPage(lab.url);

    await pick(page, await makeImage('png', 'a.png'));
    await untilAbout(page, 'a.png');

    const journal = await readJournal(lab, 'a.png');
    const files = sumOf(journal.filter(({ operation }) => FILES.has(operation)));
    const api = sumOf(journal.filter(({ operation }) => !FILES.has(operation)));
    expect(await page.locator('#requests [data-part=summary]').textContent()).toBe(
      `${files} of file content, to and from storage. ${api} of API calls, which carry only file IDs and links.`,
    );
    expect(api).toMatch(/^\d(\.\d)? KB$/);
  });

  it('tells of the last upload again after a reload, and of no thumbnail that was shown', async () => {
    const { page } = await openPage(lab.url);
    await pick(page, await makeSmallImage('a.png'));
    await cardNamed(page, 'a.png').waitFor();
    await pick(page, await makeSmallImage('b.png'));
    await untilAbout(page, 'b.png');
    const before = await readStrip(page);

    await page.reload();
    await untilAbout(page, 'b.png');

    expect(await readStrip(page)).toEqual(before);
  });

  it('says that a file came from the browser when it went straight to the cloud', async () => {
    const { page } = await openDirect(tools);

    await pick(page, await makeSmallImage('a.png'));
    await untilAbout(page, 'a.png');

    const shown = await readStrip(page);
    expect(shown).toEqual((await readJournal(lab, 'a.png')).map(toShown));
    const ways = shown.map(({ operation, way }) => `${operation} ${way}`);
    expect(ways.slice(0, 2)).toEqual(['upload-link from the app', 'post-object from the browser']);
    expect(ways.filter(way => way.endsWith('from the browser'))).toHaveLength(1);
  });

  it('shows the signed request of an upload with keys of the bucket', async () => {
    const { page } = await openPage(lab.url);

    await page.getByRole('switch', { name: 'With keys of the bucket' }).check();
    await pick(page, await makeSmallImage('a.png'));
    await untilAbout(page, 'a.png');

    const shown = await readStrip(page);
    expect(shown).toEqual((await readJournal(lab, 'a.png')).map(toShown));
    expect(shown.slice(0, 2)).toMatchObject([
      { operation: 'encode-metaid', head: 'POST 200' },
      { operation: 'put-object', head: 'PUT 200' },
    ]);
  });

  it('does not offer keys of the bucket where there are none, nor straight to the cloud', async () => {
    const { page } = await openPage(lab.url);
    const keys = page.getByRole('switch', { name: 'With keys of the bucket' });
    await page.getByRole('switch', { name: 'Straight to the cloud' }).check();
    expect(await keys.isDisabled()).toBe(true);

    await page.route('**/api/mode', async route => {
      const response = await route.fetch();
      const mode = (await response.json()) as object;
      await route.fulfill({ response, json: { ...mode, takesCos: false } });
    });
    await page.reload();
    await page.getByText('Nothing leaves this machine.').waitFor();

    expect(await keys.count()).toBe(0);
  });

  it('does not mix two uploads at once', async () => {
    const { page } = await openPage(lab.url);
    await pick(page, await makeSmallImage('a.png'), await makeSmallImage('b.png'));
    await cardsOf(page).nth(1).waitFor();
    await page.locator('#requests').getByText('Last upload:').waitFor();
    const name = (await titleOf(page))?.replace('Last upload: ', '') ?? '';
    const journal = await readJournal(lab, name);

    await until(async () => (await requestsOf(page).count()) === journal.length, 'its requests');

    expect(['a.png', 'b.png']).toContain(name);
    expect(await readStrip(page)).toEqual(journal.map(toShown));
  });

  it('is about uploads, and not about images that were made of them', async () => {
    const { page } = await openPage(lab.url);
    await pick(page, await makeSmallImage('a.png'));
    await untilAbout(page, 'a.png');
    await page.getByRole('button', { name: 'Edit a.png' }).click();
    await page.getByRole('button', { name: 'Run' }).click();
    await page.locator('[data-part=afterPicture] img').waitFor();

    await page.reload();
    await untilAbout(page, 'a.png');

    expect(await cardsOf(page).count()).toBe(2);
    expect(await readStrip(page)).toEqual((await readJournal(lab, 'a.png')).map(toShown));
  });

  it('speaks Chinese as well, with the same numbers', async () => {
    const { page } = await openPage(lab.url);
    await pick(page, await makeSmallImage('a.png'));
    await untilAbout(page, 'a.png');
    const before = await readStrip(page);

    await page.getByRole('button', { name: '中文' }).click();

    expect(await readStrip(page)).toEqual(
      before.map(request => ({ ...request, way: expect.stringMatching(/\p{Script=Han}/u) })),
    );
    expect(await page.locator('#requests .requests-head').textContent()).not.toMatch(/upload/i);
  });

  it('is not there with WeChat, which keeps no journal', async () => {
    await store(lab, 1);
    const { page } = await openPage(lab.url);
    await page.route('**/api/mode', async route => {
      const response = await route.fetch();
      const mode = (await response.json()) as object;
      const json = { ...mode, mode: 'wechat', env: 'prod-1', showsRequests: false };
      await route.fulfill({ response, json });
    });
    await page.reload();
    await page.getByText('WeChat environment prod-1.').waitFor();
    const requests = watchRequests(page);

    await pick(page, await makeSmallImage('a.png'));
    await cardNamed(page, 'a.png').waitFor();

    expect(await page.locator('#requests').isVisible()).toBe(false);
    expect(requests.filter(request => request.includes('/api/requests'))).toEqual([]);
  });
}

/** The strip as a person sees it. */
export function describeStripInSight(
  { lab, openPage }: PageTools,
  screen: BrowserContextOptions,
): void {
  it('are in sight at the bottom, wherever the page is scrolled to', async () => {
    await store(lab, 12);
    const { page } = await openPage(lab.url, screen);
    await untilAbout(page, '12.png');
    const strip = page.locator('#requests');

    expect(await isInSight(strip)).toBe(true);
    expect(await isInSight(requestsOf(page).first())).toBe(true);
    const box = await strip.boundingBox();
    const height = page.viewportSize()?.height ?? 0;
    expect((box?.y ?? 0) + (box?.height ?? 0)).toBeCloseTo(height, 0);
    expect(box?.height).toBeLessThan(height / 5);
    await page.evaluate('scrollTo(0, 400)');
    expect(await isInSight(strip)).toBe(true);
  });

  it('are scrolled by the keyboard when there is no room for all', async () => {
    const { page } = await openPage(lab.url, screen);
    await page.setViewportSize({ width: 390, height: 844 });
    await pick(page, await makeSmallImage('a.png'));
    await untilAbout(page, 'a.png');
    const list = page.locator('#requests [data-part=list]');
    const last = requestsOf(page).last();
    expect(await isInSight(last)).toBe(false);

    await list.focus();
    for (let press = 0; press < 60; press += 1) await page.keyboard.press('ArrowRight');

    await until(() => isInSight(last), 'the last request in sight');
    // Chromium needs none, other browsers do.
    expect(await list.getAttribute('tabindex')).toBe('0');
    expect(await list.getAttribute('aria-label')).toBe(
      'Requests of the last upload, the first one first',
    );
  });
}

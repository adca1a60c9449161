import { isDeepStrictEqual } from 'node:util';
import { afterAll, afterEach, beforeAll } from '@jest/globals';
import type { Browser, BrowserContextOptions, CDPSession, Locator, Page } from 'playwright-core';
import { launchBrowser } from '../browser.js';
import { until } from '../until.js';
import type { LabServer } from './lab-server.js';
import type { PickedFile } from './pictures.js';

/** Keeps every value that a progress bar shows, as `{ leg, value }`. */
const RECORD_PROGRESS = `
  window.seenProgress = [];
  new MutationObserver(changes => {
    for (const { target } of changes) {
      if (target.localName === 'progress') seenProgress.push({ leg: target.dataset.leg, value: target.value });
    }
  }).observe(document, { subtree: true, attributes: true, attributeFilter: ['value'] });
`;

/** All visible controls, which the Tab key has to reach. */
export const CONTROLS = `[...document.querySelectorAll('a[href], button, input, select')].filter(
  element => element.checkVisibility() && !element.disabled,
)`;

/** Returns whether all thumbnails are loaded. */
export const ALL_THUMBNAILS_SHOW = `[...document.querySelectorAll('.thumbnail img')].every(
  image => image.complete && image.naturalWidth > 0,
)`;

const VIEWPORT = { width: 1_280, height: 800 };

/** A phone, for `openPage`. */
export const PHONE: BrowserContextOptions = {
  viewport: { width: 390, height: 844 },
  isMobile: true,
  hasTouch: true,
};

/** Functions for the page that is tested. */
const DEFINE_HELPERS = `window.isInSight = element => {
  const { left, top, right, bottom, width, height } = element.getBoundingClientRect();
  const isInside = left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight;
  const [dx, dy] = [Math.min(6, width / 4), Math.min(6, height / 4)];
  const [x, y] = [left + width / 2, top + height / 2];
  const points = [[x, y], [left + dx, y], [right - dx, y], [x, top + dy], [x, bottom - dy]];
  const isOnTop = ([x, y]) => element.contains(document.elementFromPoint(x, y));
  return isInside && width > 0 && points.every(isOnTop);
}`;

/** A session that slows a page down while it is attached. */
const devTools = new Map<Page, CDPSession>();

/** A page of the image lab. */
export interface LabPage {
  readonly page: Page;
  /** The errors of the page. */
  readonly problems: readonly string[];
}

/** Opens pages for a spec, and closes them after its tests. */
export interface LabPages {
  /** Opens a lab's page, in one tab for all tests of a spec with the same options. */
  openPage(url: string, options?: BrowserContextOptions): Promise<LabPage>;
}

/** The lab of the running test, and its pages. */
export interface PageTools extends LabPages {
  readonly lab: LabServer;
}

/** A tab, and the options of its context. */
interface Tab {
  readonly page: Page;
  readonly options: BrowserContextOptions;
}

/** Functions for the tests inside the page. */
interface PageHelpers {
  isInSight(element: unknown): boolean;
}

/** Starts a browser for the tests of a spec. */
export function useLabPages(): LabPages {
  let browser: Browser;
  let tab: Tab | undefined;
  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterEach(async () => {
    if (tab !== undefined) await forget(tab);
  });
  afterAll(async () => {
    await browser?.close();
  });
  return {
    openPage: async (url, options = {}) => {
      // A new tab costs seconds of processor time. Each lab has an origin of its own, so that
      // nothing a test has stored is there for the next one.
      if (tab === undefined || !isDeepStrictEqual(tab.options, options)) {
        await tab?.page.context().close();
        tab = { page: await openTab(browser, options), options };
      }
      return openOn(tab.page, url);
    },
  };
}

async function openTab(browser: Browser, options: BrowserContextOptions): Promise<Page> {
  const context = await browser.newContext({ locale: 'en-US', viewport: VIEWPORT, ...options });
  const page = await context.newPage();
  await page.addInitScript(`{${RECORD_PROGRESS}; ${DEFINE_HELPERS}}`);
  return page;
}

/** Resets the changes of a test to a tab. */
async function forget({ page, options }: Tab): Promise<void> {
  page.removeAllListeners();
  await page.unrouteAll({ behavior: 'ignoreErrors' });
  await page.context().clearPermissions();
  await page.setViewportSize(options.viewport ?? VIEWPORT);
  await devTools.get(page)?.detach();
  devTools.delete(page);
}

async function openOn(page: Page, url: string): Promise<LabPage> {
  const problems: string[] = [];
  page.on('pageerror', error => problems.push(String(error)));
  page.on('console', message => {
    if (message.type() === 'error') problems.push(message.text());
  });
  await page.goto(url);
  await page.locator('[data-part=cards]:not([aria-busy])').waitFor({ state: 'attached' });
  return { page, problems };
}

/** Opens a lab's page with direct uploads switched on. */
export async function openDirect(
  { lab, openPage }: PageTools,
  options?: BrowserContextOptions,
): Promise<LabPage> {
  const opened = await openPage(lab.url, options);
  await opened.page.locator('#direct').check();
  return opened;
}

/** Chooses files to be uploaded. */
export async function pick(page: Page, ...files: readonly PickedFile[]): Promise<void> {
  await page.locator('#files').setInputFiles([...files]);
}

/** Uploads files, and waits until they are shown. */
export async function uploadAll(page: Page, ...files: readonly PickedFile[]): Promise<void> {
  await pick(page, ...files);
  await cardsOf(page)
    .nth(files.length - 1)
    .waitFor();
  await untilTrue(page, ALL_THUMBNAILS_SHOW);
}

/** Polls from here, as the policy of the page lets nothing be evaluated inside of it. */
export async function untilTrue(page: Page, expression: string): Promise<void> {
  await until(() => page.evaluate<boolean>(expression), expression);
}

/**
 * Lets requests through at so many bytes a second until the end of the test; nothing that was
 * loaded earlier is used again. Responses come at once, or as slowly as is said.
 */
export async function slowDown(
  page: Page,
  uploadThroughput: number,
  { downloadThroughput = -1, latency = 0 } = {},
): Promise<void> {
  // One for each page: what a second one sets is not taken back with the first.
  const session = devTools.get(page) ?? (await page.context().newCDPSession(page));
  devTools.set(page, session);
  await session.send('Network.enable');
  await session.send('Network.setCacheDisabled', { cacheDisabled: true });
  await session.send('Network.emulateNetworkConditions', {
    offline: false,
    latency,
    downloadThroughput,
    uploadThroughput,
  });
}

/** The cards of pending and failed uploads. */
export function uploadsOf(page: Page): Locator {
  return page.locator('.card.upload');
}

/** The cards of the images of the gallery. */
export function cardsOf(page: Page): Locator {
  return page.locator('.card.image');
}

/** The line above the gallery that tells of failed uploads. */
export function failureLineOf(page: Page): Locator {
  return page.locator('#failures');
}

/** The requests of the last upload, in the strip at the bottom. */
export function requestsOf(page: Page): Locator {
  return page.locator('#requests .request');
}

/**
 * True when a person can see an element and point at it: all of it is inside the window, and
 * nothing lies over its middle or its edges.
 */
export async function isInSight(element: Locator): Promise<boolean> {
  return element.evaluate(it => (globalThis as unknown as PageHelpers).isInSight(it));
}

/** The card of a file by its whole name, as the end of a random path may look like a short name. */
export function cardNamed(page: Page, name: string): Locator {
  return cardsOf(page).getByRole('heading', { name, exact: true });
}

/** The link of a figure's image. */
export async function linkOf(figure: Locator): Promise<string> {
  return (await figure.locator('img').getAttribute('src')) ?? '';
}

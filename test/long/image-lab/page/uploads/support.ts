import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from '@jest/globals';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { until } from '../../../../support/until.js';
import type { LabServer } from '../../../../support/image-lab/lab-server.js';
import { makeImage, type PickedFile } from '../../../../support/image-lab/pictures.js';

export { PHONE } from '../../../../support/image-lab/lab-page.js';

/** A window on a desk; what `openPage` does without options. */
export const DESKTOP: BrowserContextOptions = {};

/** Requests that the test holds and releases. */
export interface HeldRequests {
  /** The number that has been held so far. */
  readonly count: number;
  /** Waits until so many have been held. */
  reach(count: number): Promise<void>;
  /** Releases the oldest one. */
  releaseOne(): void;
  /** Releases all, including later ones. */
  releaseAll(): void;
  /** Fails the oldest one, as without a network. */
  breakOne(): void;
}

type Decision = 'fallback' | 'abort';

/** Holds the requests of a page to an address. */
export async function hold(page: Page, url: string, method: string): Promise<HeldRequests> {
  const waiting: ((decision: Decision) => void)[] = [];
  let count = 0;
  let isOpen = false;
  await page.route(url, async route => {
    const isHeld = route.request().method() === method && !isOpen;
    if (!isHeld) return route.fallback();
    count += 1;
    const decision = await new Promise<Decision>(resolve => waiting.push(resolve));
    return route[decision]();
  });
  return {
    get count() {
      return count;
    },
    reach: wanted => until(() => count >= wanted, `${wanted} requests that wait`),
    releaseOne: () => waiting.shift()?.('fallback'),
    releaseAll: () => {
      isOpen = true;
      for (const decide of waiting.splice(0)) decide('fallback');
    },
    breakOne: () => waiting.shift()?.('abort'),
  };
}

/** Reloads a page, and waits until it takes files: its gallery may still be on its way. */
export async function reload(page: Page): Promise<void> {
  await page.reload({ waitUntil: 'commit' });
  await page.locator('html[data-ready]').waitFor();
}

/** Gives a lab images without its page: `1.png` is the oldest. */
export async function store(lab: LabServer, count: number): Promise<void> {
  const { buffer, ...file } = await makeSmallImage('1.png');
  for (let number = 1; number <= count; number += 1) {
    await lab.upload({ ...file, buffer, name: `${number}.png` });
  }
}

/** An image that is quickly worked on. */
export async function makeSmallImage(name: string): Promise<PickedFile> {
  return makeImage('png', name, 40);
}

/** An image of which half is missing. */
export async function makeDamagedImage(name: string): Promise<PickedFile> {
  const { buffer, ...file } = await makeImage('png', name);
  return { ...file, buffer: buffer.subarray(0, buffer.length / 2) };
}

/** The names on all cards from the first to the last. */
export async function readCardNames(page: Page): Promise<readonly string[]> {
  return page.locator('.card h3').allTextContents();
}

/** Scrolls to the end of the page. */
export async function scrollDown(page: Page): Promise<void> {
  await page.evaluate('scrollTo(0, document.documentElement.scrollHeight)');
}

/** The pixels that a page is scrolled down. */
export async function readScroll(page: Page): Promise<number> {
  return page.evaluate<number>('scrollY');
}

/** The name of what has the focus, as a person hears or reads it. */
export async function readFocus(page: Page): Promise<string> {
  return page.evaluate<string>(
    'document.activeElement.ariaLabel ?? document.activeElement.textContent',
  );
}

/** Every request of a page over the network from now on, as `GET https://…`. */
export function watchRequests(page: Page): readonly string[] {
  const requests: string[] = [];
  page.on('request', request => {
    if (request.url().startsWith('http')) requests.push(`${request.method()} ${request.url()}`);
  });
  return requests;
}

/** Drops files or folders of the disk on a page, as a hand does with a mouse. */
export async function drop(page: Page, files: readonly string[]): Promise<void> {
  const session = await page.context().newCDPSession(page);
  const data = { items: [], files: [...files], dragOperationsMask: 1 };
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const) {
    await session.send('Input.dispatchDragEvent', { type, x: 400, y: 400, data });
  }
  await session.detach();
}

/** A folder on the disk, empty at the start of each test. */
export function useFolder(): { readonly path: string } {
  let path = '';
  beforeEach(async () => {
    path = await mkdtemp(join(tmpdir(), 'image-lab-test-'));
  });
  afterEach(() => rm(path, { recursive: true, force: true }));
  return {
    get path() {
      return path;
    },
  };
}

import type { BrowserContextOptions, Locator, Page } from 'playwright-core';
import sharp from 'sharp';
import type { LabPage, PageTools } from '../../../../support/image-lab/lab-page.js';
import type { PickedFile } from '../../../../support/image-lab/pictures.js';

/** Members of an element for functions that run in the page, whose types are not here. */
export interface PageNode {
  readonly scrollLeft: number;
  readonly scrollTop: number;
  readonly scrollWidth: number;
  readonly scrollHeight: number;
  readonly clientWidth: number;
  contains(other: unknown): boolean;
  getBoundingClientRect(): {
    readonly left: number;
    readonly top: number;
    readonly right: number;
    readonly bottom: number;
  };
}

declare const document: {
  readonly activeElement: unknown;
  elementFromPoint(x: number, y: number): unknown;
};
declare const innerWidth: number;
declare const innerHeight: number;

/** A screen on which the page is looked at. */
export interface Screen extends BrowserContextOptions {
  readonly viewport: { readonly width: number; readonly height: number };
}

export const DESKTOP: Screen = { viewport: { width: 1_280, height: 800 } };
export const PHONE: Screen = {
  viewport: { width: 390, height: 844 },
  isMobile: true,
  hasTouch: true,
};

/** For `it.each`. */
export const SCREENS: readonly (readonly [string, Screen])[] = [
  ['1280×800', DESKTOP],
  ['390×844', PHONE],
];

/** Opens the lab's page on a screen. */
export async function openOn(
  { lab, openPage }: PageTools,
  screen: Screen,
  options: BrowserContextOptions = {},
): Promise<LabPage> {
  const opened = await openPage(lab.url, { ...screen, ...options });
  await opened.page.setViewportSize(screen.viewport);
  return opened;
}

/** An image of one color, so that its pixels can be told on a screen. */
export async function makeFlat(
  name: string,
  background: string,
  { width = 1_200, height = 900 } = {},
): Promise<PickedFile> {
  const picture = sharp({ create: { width, height, channels: 3, background } });
  return { name, mimeType: 'image/png', buffer: await picture.png().toBuffer() };
}

/** A part of the page as a person sees it, in pixels. */
export interface Sight {
  readonly width: number;
  readonly height: number;
  /** Red, green and blue at shares of the width and the height. */
  at(x: number, y: number): readonly number[];
  /** All pixels, to be compared with those of another sight. */
  readonly pixels: Buffer;
}

/** Looks at an element as it is on the screen now, with what lies over it. */
export async function lookAt(element: Locator): Promise<Sight> {
  const image = sharp(await element.screenshot({ animations: 'disabled' })).removeAlpha();
  const { data, info } = await image.raw().toBuffer({ resolveWithObject: true });
  const { width, height } = info;
  const at = (x: number, y: number): readonly number[] => {
    const column = Math.min(width - 1, Math.floor(x * width));
    const row = Math.min(height - 1, Math.floor(y * height));
    return [...data.subarray((row * width + column) * 3).subarray(0, 3)];
  };
  return { width, height, at, pixels: data };
}

/** The number of pixels that differ to the eye; all of them when the sizes differ. */
export function countChanged(one: Sight, other: Sight): number {
  if (one.width !== other.width || one.height !== other.height) return one.width * one.height;
  let changed = 0;
  for (let at = 0; at < one.pixels.length; at += 3) {
    const distance = [0, 1, 2].reduce(
      (sum, channel) =>
        sum + Math.abs((one.pixels[at + channel] ?? 0) - (other.pixels[at + channel] ?? 0)),
      0,
    );
    if (distance > 48) changed += 1;
  }
  return changed;
}

/** True when an element is wholly in the window, with nothing else over its centre. */
export async function isInSight(element: Locator): Promise<boolean> {
  return element.evaluate((node: PageNode) => {
    const { left, top, right, bottom } = node.getBoundingClientRect();
    const hit = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
    const isWithin =
      left >= -0.5 && top >= -0.5 && right <= innerWidth + 0.5 && bottom <= innerHeight + 0.5;
    return isWithin && right > left && bottom > top && node.contains(hit);
  });
}

/** True when an element has the focus. */
export async function hasFocus(element: Locator): Promise<boolean> {
  return element.evaluate((node: PageNode) => node === document.activeElement);
}

/** The requests that a page has sent to an address, with what was in them. */
export function watchPosts(page: Page, path: string): readonly unknown[] {
  const bodies: unknown[] = [];
  page.on('request', request => {
    if (request.method() === 'POST' && new URL(request.url()).pathname === path) {
      bodies.push(request.postDataJSON());
    }
  });
  return bodies;
}

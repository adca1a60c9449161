import { expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import type { PageTools } from '../../../support/image-lab/lab-page.js';
import { runAxe } from './support/axe.js';
import { DESKTOP, openOn, PHONE } from './support/screens.js';
import { reachState, STATES } from './support/states.js';

/** Findings that axe-core cannot decide by itself, and why each is right here. */
const UNDECIDED: readonly RegExp[] = [
  // It only says that there is more: the other states show that.
  /^hidden-content: /,
  // Some of the requests are scrolled out of the strip in part; the others have the same colors.
  /^color-contrast(-enhanced)?: elmPartiallyObscured: <(strong|span class="request-)/,
];

/** In a window in which the page scrolls; then the same is looked at in one that it fits into. */
const PARTLY_COVERED = /^color-contrast(-enhanced)?: (bgOverlap|elmPartiallyObscur(ed|ing)): /;

const CASES = Object.entries(STATES).flatMap(([name, state]) => [
  { name, state, size: '1280×800', screen: DESKTOP },
  { name, state, size: '390×844', screen: PHONE },
]);

const LOOKS = [
  { language: 'en', colorScheme: 'dark', forcedColors: 'active', isTall: false },
  { language: 'en', colorScheme: 'light', forcedColors: 'none', isTall: false },
  { language: 'zh-CN', colorScheme: 'dark', forcedColors: 'none', isTall: false },
  { language: 'en', colorScheme: 'dark', forcedColors: 'none', isTall: true },
  { language: 'zh-CN', colorScheme: 'light', forcedColors: 'none', isTall: true },
] as const;

/** As high as any state of the page. */
const TALL = 4_000;

/** The language is changed by script, as a dialog may lie over the buttons for it. */
function speak(page: Page, language: string): Promise<void> {
  return page.evaluate(`document.querySelector('[data-language="${language}"]').click()`);
}

/** Checks by axe-core. */
export function describeAxe(tools: PageTools): void {
  it.each(CASES)('has nothing to find at $size: $name', async ({ state, screen }) => {
    const open = async (): Promise<Page> =>
      (await openOn(tools, screen, { reducedMotion: 'reduce' })).page;
    const page = await reachState(tools, state, open);

    for (const { language, isTall, ...media } of LOOKS) {
      const [height, known] = isTall
        ? [TALL, UNDECIDED]
        : [screen.viewport.height, [...UNDECIDED, PARTLY_COVERED]];
      await page.setViewportSize({ width: screen.viewport.width, height });
      await speak(page, language);
      await page.emulateMedia(media);
      const { violations, incomplete } = await runAxe(page);
      const undecided = incomplete.filter(line => !known.some(kind => kind.test(line)));
      const look = { language, isTall, ...media };
      const nothing = { ...look, violations: [], undecided: [] };
      expect({ ...look, violations, undecided }).toEqual(nothing);
    }
    await page.emulateMedia({ colorScheme: null, forcedColors: null });
  });
}

import { expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import type { PageTools } from '../../../e2e/sample/support/lab-page.js';
import { runAxe } from './support/axe.js';
import { DESKTOP, openOn, PHONE } from './support/screens.js';
import { reachState, STATES } from './support/states.js';

/** What axe-core cannot decide by itself, and why it is right here. */
const UNDECIDED: readonly RegExp[] = [];

const CASES = Object.entries(STATES).flatMap(([name, state]) => [
  { name, state, size: '1280×800', screen: DESKTOP },
  { name, state, size: '390×844', screen: PHONE },
]);

const LOOKS = ['en', 'zh-CN'].flatMap(language => [
  { language, colorScheme: 'light' as const, forcedColors: 'none' as const },
  { language, colorScheme: 'dark' as const, forcedColors: 'none' as const },
  { language, colorScheme: 'dark' as const, forcedColors: 'active' as const },
]);

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

    for (const { language, ...media } of LOOKS) {
      await speak(page, language);
      await page.emulateMedia(media);
      const { violations, incomplete } = await runAxe(page);
      const undecided = incomplete.filter(line => !UNDECIDED.some(known => known.test(line)));
      expect({ language, ...media, violations, undecided }).toEqual({
        language,
        ...media,
        violations: [],
        undecided: [],
      });
    }
    await page.emulateMedia({ colorScheme: null, forcedColors: null });
  });
}

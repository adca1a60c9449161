import type { Page } from 'playwright-core';

/** As many Tab keys as lead around any page of these tests. */
const MOST_TABS = 120;

/** The accessible name of what has the focus, as far as these tests need it. */
const NAME_OF_FOCUSED = `(() => {
  const { activeElement: active } = document;
  const label = active.getAttribute('aria-label') ?? active.closest('label')?.textContent;
  return (label ?? active.textContent).trim();
})()`;

/**
 * The fault of the focus: it is lost, nobody sees it, or it is below something that stays in
 * its place while the page scrolls. Empty when all is well.
 */
const PROBLEM_OF_FOCUS = `(() => {
  const { activeElement: active, body } = document;
  if (active === null || active === body) return 'the focus is lost';
  const isDrawn = element => {
    const { outlineStyle, outlineWidth } = getComputedStyle(element);
    return outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2;
  };
  const around = ['.drop', '.frame'].map(selector => active.closest(selector));
  const shown = [active, active.closest('.operation')?.querySelector('span'), ...around]
    .find(element => element && element.offsetWidth > 1 && isDrawn(element));
  const name = active.outerHTML.slice(0, 160);
  if (shown === undefined) return 'no outline: ' + name;
  const { left, top, right, bottom } = shown.getBoundingClientRect();
  if (bottom < 0 || top > innerHeight) return 'out of sight: ' + name;
  // Of what is higher than half of the window, a part is enough.
  if (bottom - top > innerHeight / 2) return '';
  if (top < -1 || bottom > innerHeight + 1) return 'out of sight: ' + name;
  const x = Math.min(innerWidth - 1, Math.max(0, (left + right) / 2));
  for (const y of [top + 2, (top + bottom) / 2, bottom - 2]) {
    const hit = document.elementFromPoint(x, y);
    if (hit === null) return 'out of sight: ' + name;
    const bar = hit.closest('.gallery-head, .requests, .workbench-head, .offline');
    if (bar !== null && !bar.contains(active) && !active.contains(bar)) return 'below ' + bar.className + ': ' + name;
  }
  const hit = document.elementFromPoint(x, (top + bottom) / 2);
  return shown.contains(hit) || hit.contains(shown) ? '' : 'covered: ' + name;
})()`;

/** A person at the keyboard, who has no mouse. */
export class Keys {
  constructor(readonly page: Page) {}

  /** Presses the Tab key until an element of this name has the focus, and sees it all the way. */
  async goTo(name: RegExp | string, key: 'Tab' | 'Shift+Tab' = 'Tab'): Promise<void> {
    for (let step = 0; step < MOST_TABS; step += 1) {
      await this.page.keyboard.press(key);
      const focused = await this.readName();
      const problem = await this.findProblem();
      if (problem !== '') throw new Error(problem);
      if (typeof name === 'string' ? focused === name : name.test(focused)) return;
    }
    throw new Error(`The Tab key does not lead to ${String(name)}.`);
  }

  /** Goes to something and presses a key there. */
  async press(
    name: RegExp | string,
    key = 'Enter',
    way: 'Tab' | 'Shift+Tab' = 'Tab',
  ): Promise<void> {
    await this.goTo(name, way);
    await this.page.keyboard.press(key);
  }

  async readName(): Promise<string> {
    return this.page.evaluate<string>(NAME_OF_FOCUSED);
  }

  /** Empty, or what is wrong with the focus: see above. */
  async findProblem(): Promise<string> {
    return this.page.evaluate<string>(PROBLEM_OF_FOCUS);
  }

  /** The faults of the focus, at each step of the Tab key. */
  async walk(steps: number, key: 'Tab' | 'Shift+Tab'): Promise<readonly string[]> {
    const problems: string[] = [];
    for (let step = 0; step < steps; step += 1) {
      await this.page.keyboard.press(key);
      problems.push(await this.findProblem());
    }
    return problems.filter(problem => problem !== '');
  }
}

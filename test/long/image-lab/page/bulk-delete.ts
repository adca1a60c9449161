import { expect, it } from '@jest/globals';
import type { Locator, Page } from 'playwright-core';
import type { PageTools } from '../../../support/image-lab/lab-page.js';
import { makeImage } from '../../../support/image-lab/pictures.js';
import { DESKTOP, isInSight, openOn, SCREENS, watchPosts, type Screen } from './support/screens.js';
import { readNames, store } from './support/workbench.js';

const FOCUSED = `document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent`;

/** The parts of the gallery for deletion. */
class Selection {
  readonly all: Locator;
  readonly none: Locator;
  readonly remove: Locator;
  readonly count: Locator;
  readonly dialog: Locator;

  constructor(readonly page: Page) {
    this.all = page.getByRole('button', { name: 'Select all' });
    this.none = page.getByRole('button', { name: 'Select none' });
    this.remove = page.locator('[data-part=deleteSelected]');
    this.count = page.locator('.gallery-head .count');
    this.dialog = page.locator('#confirm');
  }

  async choose(...names: readonly string[]): Promise<void> {
    for (const name of names) {
      await this.page.getByRole('checkbox', { name: `Select ${name}`, exact: true }).check();
    }
  }

  async response(name: 'Keep' | 'Delete'): Promise<void> {
    await this.dialog.getByRole('button', { name, exact: true }).click();
  }

  names(): Promise<readonly string[]> {
    return this.page.locator('.card.image h3').allTextContents();
  }

  selected(): Promise<number> {
    return this.page.locator('.card.image.selected').count();
  }
}

/** Deletion of several images at once. */
export function describeBulkDelete(tools: PageTools): void {
  const openGallery = async (screen: Screen, ...names: readonly string[]): Promise<Selection> => {
    for (const name of names) await store(tools.lab, await makeImage('png', name, 60));
    const { page } = await openOn(tools, screen);
    await page
      .locator('.card.image')
      .nth(names.length - 1)
      .waitFor();
    return new Selection(page);
  };

  it.each(SCREENS)('deletes the selected images after confirmation at %s', async (_, screen) => {
    const gallery = await openGallery(screen, 'a.png', 'b.png', 'c.png', 'd.png');
    expect(await gallery.remove.isVisible()).toBe(false);
    expect(await gallery.none.isVisible()).toBe(false);
    await gallery.choose('b.png', 'd.png');
    expect(await gallery.selected()).toBe(2);
    expect(await isInSight(gallery.remove)).toBe(true);
    expect(await gallery.remove.textContent()).toBe('Delete 2');

    await gallery.remove.click();
    expect(await gallery.dialog.locator('h2').textContent()).toBe('Delete 2 images?');
    expect(await gallery.names()).toHaveLength(4);
    expect(tools.lab.emulator.objects).toHaveLength(8);
    await gallery.response('Delete');
    await gallery.page.locator('#toast').getByText('2 images deleted').waitFor();

    expect(await gallery.names()).toEqual(['c.png', 'a.png']);
    expect(await readNames(tools.lab)).toEqual(['c.png', 'a.png']);
    expect(tools.lab.emulator.objects).toHaveLength(4);
    expect(await gallery.count.textContent()).toBe('2 of 60');
    expect(await gallery.remove.isVisible()).toBe(false);
  });

  it('selects all and none', async () => {
    const gallery = await openGallery(DESKTOP, 'a.png', 'b.png', 'c.png');
    await gallery.all.click();
    expect(await gallery.selected()).toBe(3);
    expect(await gallery.remove.textContent()).toBe('Delete 3');
    await gallery.none.click();
    expect(await gallery.selected()).toBe(0);
    expect(await gallery.remove.isVisible()).toBe(false);
    expect(await gallery.page.evaluate(FOCUSED)).toBe('Select all');

    await gallery.choose('a.png');
    await gallery.page.getByRole('checkbox', { name: 'Select a.png' }).uncheck();
    expect(await gallery.selected()).toBe(0);
    expect(await gallery.none.isVisible()).toBe(false);
  });

  it('keeps the images and the selection on Cancel or Escape', async () => {
    const gallery = await openGallery(DESKTOP, 'a.png', 'b.png');
    const posts = watchPosts(gallery.page, '/api/images/delete');
    await gallery.all.click();
    await gallery.remove.click();
    await gallery.page.keyboard.press('Escape');
    await gallery.dialog.waitFor({ state: 'hidden' });
    expect(await gallery.page.evaluate(FOCUSED)).toBe('Delete 2');

    await gallery.remove.click();
    expect(await gallery.page.evaluate(FOCUSED)).toBe('Keep');
    await gallery.response('Keep');
    await gallery.dialog.waitFor({ state: 'hidden' });
    expect(await gallery.page.evaluate(FOCUSED)).toBe('Delete 2');

    expect(await gallery.selected()).toBe(2);
    expect(posts).toEqual([]);
    expect(tools.lab.emulator.objects).toHaveLength(4);
  });

  it('deletes all images and moves the focus to the next action', async () => {
    const gallery = await openGallery(DESKTOP, 'a.png', 'b.png', 'c.png');
    await gallery.all.click();
    await gallery.remove.click();
    await gallery.response('Delete');
    await gallery.page.getByText('No images yet').waitFor();

    expect(tools.lab.emulator.objects).toEqual([]);
    expect(await gallery.count.textContent()).toBe('');
    expect(await gallery.page.evaluate('document.activeElement.id')).toBe('files');
  });

  it.each([
    { gone: ['d.png'], focused: 'Edit c.png' },
    { gone: ['a.png'], focused: 'Edit b.png' },
    { gone: ['b.png', 'c.png'], focused: 'Edit a.png' },
  ])('moves the focus to a neighbour of $gone', async ({ gone, focused }) => {
    const gallery = await openGallery(DESKTOP, 'a.png', 'b.png', 'c.png', 'd.png');
    await gallery.choose(...gone);
    await gallery.remove.click();
    await gallery.response('Delete');
    await gallery.page.locator('#toast.shown').waitFor();

    expect(await gallery.page.evaluate(FOCUSED)).toBe(focused);
  });

  it('reports an image that the cloud did not delete, which stays', async () => {
    const gallery = await openGallery(DESKTOP, 'a.png', 'b.png', 'c.png');
    tools.lab.emulator.faults.add({
      operation: 'delete-files',
      effect: { kind: 'item', status: 1, errmsg: 'STORAGE_EXCEED_AUTHORITY', index: 2 },
      times: Infinity,
    });
    await gallery.all.click();
    await gallery.remove.click();
    await gallery.response('Delete');
    await gallery.page.locator('#toast').getByText('could not be deleted: 1').waitFor();

    expect(await gallery.names()).toEqual(['b.png']);
    expect(await readNames(tools.lab)).toEqual(['b.png']);
    expect(await gallery.count.textContent()).toBe('1 of 60');
    tools.lab.emulator.faults.clear();
    await gallery.all.click();
    await gallery.remove.click();
    await gallery.response('Delete');
    await gallery.page.getByText('No images yet').waitFor();
    expect(tools.lab.emulator.objects).toEqual([]);
  });

  it('keeps images and selection when the cloud fails', async () => {
    const gallery = await openGallery(DESKTOP, 'a.png', 'b.png');
    tools.lab.emulator.faults.add({
      operation: 'delete-files',
      effect: { kind: 'status', status: 503 },
      times: Infinity,
    });
    await gallery.all.click();
    await gallery.remove.click();
    await gallery.response('Delete');
    await gallery.page
      .locator('#toast.shown')
      .getByText(/could not be deleted: 2/)
      .waitFor();

    expect(await gallery.names()).toEqual(['b.png', 'a.png']);
    expect(await gallery.selected()).toBe(2);
    expect(tools.lab.emulator.objects).toHaveLength(4);
    expect(await gallery.page.evaluate('document.activeElement !== document.body')).toBe(true);
  });

  it('counts the rest of a full gallery', async () => {
    const names = Array.from({ length: 60 }, (_, index) => `${index + 1}.png`);
    const gallery = await openGallery(DESKTOP, ...names);
    expect(await gallery.count.textContent()).toBe('60 of 60');
    await gallery.choose('60.png', '58.png');
    await gallery.remove.click();
    await gallery.response('Delete');
    await gallery.page.locator('#toast').getByText('2 images deleted').waitFor();

    expect(await gallery.count.textContent()).toBe('58 of 60');
    expect(tools.lab.emulator.objects).toHaveLength(116);
  });

  it('keeps the button in sight, however far the gallery is scrolled', async () => {
    const names = Array.from({ length: 30 }, (_, index) => `${index + 1}.png`);
    const gallery = await openGallery(DESKTOP, ...names);
    await gallery.choose('1.png');

    expect(await gallery.page.evaluate<number>('scrollY')).toBeGreaterThan(400);
    expect(await isInSight(gallery.remove)).toBe(true);
  });
}

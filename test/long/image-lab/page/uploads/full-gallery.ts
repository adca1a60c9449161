import { expect, it } from '@jest/globals';
import {
  cardNamed,
  cardsOf,
  failureLineOf,
  openDirect,
  pick,
  uploadsOf,
  type PageTools,
} from '../../../../support/image-lab/lab-page.js';
import { makeSmallImage, readCardNames, store } from './support.js';

const FULL = 'The gallery is full. Delete an image first.';

/** The gallery's end: 60 images. */
export function describeFullGallery(tools: PageTools): void {
  const { lab, openPage } = tools;

  it('counts up to 60, refuses one more, and takes it again once there is room', async () => {
    await store(lab, 57);
    const { page } = await openPage(lab.url);
    const count = page.locator('.count');

    await pick(page, await makeSmallImage('58.png'));
    await cardNamed(page, '58.png').waitFor();
    expect(await count.textContent()).toBe('58 of 60');
    await pick(page, ...(await Promise.all(['59.png', '60.png'].map(makeSmallImage))));
    await cardsOf(page).nth(59).waitFor();
    expect(await count.textContent()).toBe('60 of 60');
    await pick(page, await makeSmallImage('61.png'));
    await failureLineOf(page).getByText(`61.png: ${FULL}`).waitFor();
    expect(await count.textContent()).toBe('60 of 60');

    await page.getByRole('button', { name: 'Delete 60.png', exact: true }).click();
    await page.getByRole('button', { name: 'Delete', exact: true }).click();
    await page.getByText('59 of 60').waitFor();
    await page.getByRole('button', { name: 'Upload 61.png again' }).click();
    await page.getByText('60 of 60').waitFor();

    expect(await uploadsOf(page).count()).toBe(0);
    expect((await readCardNames(page)).slice(0, 3)).toEqual(['61.png', '59.png', '58.png']);
    expect(await failureLineOf(page).isVisible()).toBe(false);
  });

  it('hands out no form when it is full', async () => {
    await store(lab, 60);
    const { page } = await openDirect(tools);
    const before = lab.emulator.journal.length;

    await pick(page, await makeSmallImage('a.png'));
    await uploadsOf(page).getByText(FULL).waitFor();

    const later = lab.emulator.journal.slice(before);
    expect(later.filter(({ method }) => method === 'POST')).toEqual([]);
  });
}

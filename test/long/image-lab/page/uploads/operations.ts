import { expect, it } from '@jest/globals';
import { linkOf, uploadAll, type PageTools } from '../../../../support/image-lab/lab-page.js';
import { fetchPixels, makeImage } from '../../../../support/image-lab/pictures.js';

/** Images that are made of an upload. */
export function describeOperations({ lab, openPage }: PageTools): void {
  it.each([
    { operation: 'Blur', size: '400 × 300' },
    { operation: 'Resize', size: '480 × 360' },
    { operation: 'Rotate', size: '300 × 400' },
    { operation: 'Watermark', size: '400 × 300' },
  ])('runs $operation on the server', async ({ operation, size }) => {
    const { page } = await openPage(lab.url);
    await uploadAll(page, await makeImage('jpeg', 'a.jpg'));

    await page.getByRole('button', { name: 'Edit a.jpg' }).click();
    await page.locator('.operation', { hasText: operation }).click();
    await page.getByRole('button', { name: 'Run' }).click();
    const after = page.locator('[data-part=afterPicture]');
    await after.locator('img').waitFor();

    const before = await fetchPixels(await linkOf(page.locator('[data-part=beforePicture]')));
    expect(await page.locator('[data-part=after]').textContent()).toContain(size);
    expect((await fetchPixels(await linkOf(after))).equals(before)).toBe(false);
  });
}

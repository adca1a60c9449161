import { expect, it } from '@jest/globals';
import { linkOf, uploadAll, type PageTools } from '../../../../e2e/sample/support/lab-page.js';
import { fetchPixels, makeImage } from '../../../../e2e/sample/support/pictures.js';

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

  it('fits a screen of 360 pixels', async () => {
    const { page } = await openPage(lab.url);
    await page.setViewportSize({ width: 360, height: 740 });
    await uploadAll(page, await makeImage('png', `${'a-long-name-'.repeat(9)}.png`));
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);

    await page.locator('button.thumbnail').click();
    await page.locator('.operation').last().click();
    await page.getByRole('button', { name: 'Run' }).click();
    await page.locator('[data-part=afterPicture] img').waitFor();

    expect(await page.evaluate('document.getElementById("workbench").scrollWidth')).toBe(360);
  });
}

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { until } from '../../../support/until.js';
import {
  ALL_THUMBNAILS_SHOW,
  cardsOf,
  linkOf,
  pick,
  slowDown,
  untilTrue,
  uploadAll,
  type PageTools,
} from '../support/lab-page.js';
import { colorfulness, fetchPixels, makeImage, writeLargeImage } from '../support/pictures.js';

/** What everybody does with the page. */
export function describeGallery({ lab, openPage }: PageTools): void {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'image-lab-test-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('says that the emulator is used and that nothing leaves the machine', async () => {
    const { page, problems } = await openPage(lab.url);

    await page.getByText('Nothing leaves this machine.').waitFor();
    await page.getByText('No images yet').waitFor();

    expect(problems).toEqual([]);
  });

  it('uploads two images with progress, and shows their thumbnails and file IDs', async () => {
    const { page, problems } = await openPage(lab.url);
    await slowDown(page, 400_000);

    await pick(page, await makeImage('png', '照片.png'), await makeImage('jpeg', 'b <i>.jpg'));
    await untilTrue(page, 'seenProgress.some(({ value }) => value > 0 && value < 100)');
    await cardsOf(page).nth(1).waitFor();
    await untilTrue(page, ALL_THUMBNAILS_SHOW);

    expect((await cardsOf(page).locator('h3').allTextContents()).toSorted()).toEqual([
      'b <i>.jpg',
      '照片.png',
    ]);
    expect(await cardsOf(page).locator('.file-id').allTextContents()).toEqual([
      expect.stringMatching(/^cloud:\/\/[^/]+\/images\/.+\.(png|jpg)$/),
      expect.stringMatching(/^cloud:\/\/[^/]+\/images\/.+\.(png|jpg)$/),
    ]);
    expect(await cardsOf(page).first().textContent()).toContain('400 × 300');
    expect(await page.locator('.upload[data-state=stored]').count()).toBe(2);
    expect(problems).toEqual([]);
  });

  it('sends two files at once, and a cancelled one leaves nothing', async () => {
    const { page } = await openPage(lab.url);
    await slowDown(page, 20_000);
    const image = await makeImage('png', 'slow.png');

    await pick(page, image, image, image, image, image);
    await page.locator('.upload[data-state=sending]').nth(1).waitFor();
    expect(await page.locator('.upload[data-state=waiting]').count()).toBe(3);
    const cancel = page.getByRole('button', { name: 'Cancel the upload of slow.png' });
    for (let left = 5; left > 0; left -= 1) await cancel.first().click();

    expect(await page.locator('.upload[data-state=cancelled]').count()).toBe(5);
    await until(() => lab.emulator.objects.length === 0, 'an empty cloud');
  });

  it('shows before and after side by side, and the pixels have changed', async () => {
    const { page, problems } = await openPage(lab.url);
    await uploadAll(page, await makeImage('png', 'color.png'));

    await page.getByRole('button', { name: 'Edit color.png' }).click();
    await page.getByRole('button', { name: 'Run' }).click();
    const after = page.locator('[data-part=after]');
    await after.locator('img').waitFor();

    const before = await fetchPixels(await linkOf(page.locator('[data-part=before]')));
    const changed = await fetchPixels(await linkOf(after));
    expect(changed).toHaveLength(before.length);
    expect(colorfulness(before)).toBeGreaterThan(50);
    expect(colorfulness(changed)).toBe(0);
    expect(await after.locator('.file-id').textContent()).toMatch(/^cloud:.+\/processed\/.+\.png$/);
    expect(await cardsOf(page).count()).toBe(2);
    expect(problems).toEqual([]);
  });

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
    const after = page.locator('[data-part=after]');
    await after.locator('img').waitFor();

    const before = await fetchPixels(await linkOf(page.locator('[data-part=before]')));
    expect(await after.locator('figcaption').textContent()).toContain(size);
    expect((await fetchPixels(await linkOf(after))).equals(before)).toBe(false);
  });

  it('says which sizes there are when another one is typed, and does not run', async () => {
    const { page, problems } = await openPage(lab.url);
    await uploadAll(page, await makeImage('png', 'a.png'));
    await page.getByRole('button', { name: 'Edit a.png' }).click();
    await page.locator('.operation', { hasText: 'Resize' }).click();
    const field = page.locator('[data-part=options] input[type=number]');
    const problem = page.locator('#workbench [data-part=problem]');

    for (const typed of ['5000', '15', '', '99.5']) {
      await field.fill(typed);
      await field.blur();
      await page.getByRole('button', { name: 'Run' }).click();
      expect(await problem.textContent()).toContain('from 16 to 4096');
      expect(await field.inputValue()).toBe(typed);
      expect(await field.getAttribute('aria-invalid')).toBe('true');
    }
    await field.fill('64');
    await page.getByRole('button', { name: 'Run' }).click();
    await page.locator('[data-part=after] img').waitFor();

    expect(await problem.textContent()).toBe('');
    expect(await page.locator('[data-part=after] figcaption').textContent()).toContain('64 × 48');
    expect(await cardsOf(page).locator('h3').allTextContents()).toEqual(['a-64.png', 'a.png']);
    expect(problems).toEqual([]);
  });

  it('deletes an image after asking', async () => {
    const { page } = await openPage(lab.url);
    await uploadAll(page, await makeImage('png', 'old.png'));
    const remove = page.getByRole('button', { name: 'Delete old.png' });

    await remove.click();
    await page.getByRole('button', { name: 'Keep' }).click();
    expect(await cardsOf(page).count()).toBe(1);

    await remove.click();
    await page.getByRole('button', { name: 'Delete', exact: true }).click();
    await page.getByText('No images yet').waitFor();
    expect(lab.emulator.objects).toEqual([]);
  });

  it('copies a file ID and says so', async () => {
    const { page } = await openPage(lab.url);
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await uploadAll(page, await makeImage('png', 'a.png'));

    await page.getByRole('button', { name: 'Copy the file ID of a.png' }).click();
    await page.getByText('File ID copied').waitFor();

    const fileId = await cardsOf(page).locator('.file-id').textContent();
    expect(await page.evaluate('navigator.clipboard.readText()')).toBe(fileId);
  });

  it('explains a refused type and a damaged image, and keeps nothing of them', async () => {
    const { page } = await openPage(lab.url);
    const image = await makeImage('png', 'cut.png');

    await pick(page, { name: 'notes.png', mimeType: 'image/png', buffer: Buffer.from('a text') });
    await page.getByText('Not an image this lab takes').first().waitFor();
    await pick(page, { ...image, buffer: image.buffer.subarray(0, image.buffer.length / 2) });
    await page.getByText('The image is damaged').first().waitFor();

    await until(() => lab.emulator.objects.length === 0, 'an empty cloud');
    expect(await cardsOf(page).count()).toBe(0);
  });

  it('does not even send a file over the limit', async () => {
    const { page } = await openPage(lab.url);
    const requests: string[] = [];
    page.on('request', request => requests.push(request.method()));

    await page.locator('#files').setInputFiles(await writeLargeImage(folder, 20_971_521));
    await page.getByText('Too large: a file may have up to 20 MB.').first().waitFor();

    expect(requests).not.toContain('POST');
  });

  it('explains what the server says about a file over the limit', async () => {
    const { page } = await openPage(lab.url);
    await page.route('**/api/mode', async route => {
      const response = await route.fetch();
      const mode = (await response.json()) as object;
      await route.fulfill({ response, json: { ...mode, fileSizeBytes: 40 * 1024 * 1024 } });
    });
    await page.reload();
    await page.getByText('up to 40 MB').waitFor();

    await page.locator('#files').setInputFiles(await writeLargeImage(folder, 30_000_000));
    await page.getByText('Too large: a file may have up to').first().waitFor();

    expect(await cardsOf(page).count()).toBe(0);
    await until(() => lab.emulator.objects.length === 0, 'an empty cloud');
  });

  it('says that there is no connection when the server has stopped', async () => {
    const { page } = await openPage(lab.url);
    await lab.close();

    await pick(page, await makeImage('png', 'late.png'));

    await page.getByRole('alert').getByText('No connection to the server.').waitFor();
    expect(await page.locator('.upload[data-state=failed]').textContent()).toContain(
      'No connection to the server.',
    );
  });
}

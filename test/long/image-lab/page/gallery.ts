import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { until } from '../../../support/until.js';
import {
  ALL_THUMBNAILS_SHOW,
  cardNamed,
  cardsOf,
  failureLineOf,
  isInSight,
  linkOf,
  pick,
  requestsOf,
  slowDown,
  untilTrue,
  uploadAll,
  uploadsOf,
  type PageTools,
} from '../../../support/image-lab/lab-page.js';
import {
  colorfulness,
  fetchPixels,
  makeImage,
  writeLargeImage,
} from '../../../support/image-lab/pictures.js';

/** The main uses of the page. */
export function describeGallery({ lab, openPage }: PageTools): void {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'image-lab-test-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('says that nothing leaves the machine, and offers samples to begin with', async () => {
    const { page, problems } = await openPage(lab.url);
    await page.getByText('Nothing leaves this machine.').waitFor();
    await page.getByText('No images yet').waitFor();

    await page.getByRole('button', { name: 'Upload the sample image lighthouse.jpg' }).click();
    await cardNamed(page, 'lighthouse.jpg').waitFor();
    await requestsOf(page).first().waitFor();

    expect(await page.locator('[data-part=empty]').isVisible()).toBe(false);
    expect(await page.locator('.count').textContent()).toBe('1 of 60');
    expect(await requestsOf(page).locator('strong').allTextContents()).toEqual([
      'upload-link',
      'post-object',
      'download-links',
      'get-object',
      'upload-link',
      'post-object',
      'download-links',
    ]);
    expect(problems).toEqual([]);
  });

  it('shows uploads with their progress as cards of the gallery, then their thumbnails and file IDs', async () => {
    const { page, problems } = await openPage(lab.url);
    await slowDown(page, 400_000);

    await pick(page, await makeImage('png', '照片.png'), await makeImage('jpeg', 'b <i>.jpg'));
    await uploadsOf(page).nth(1).waitFor();
    expect(await isInSight(uploadsOf(page).first())).toBe(true);
    await untilTrue(page, 'seenProgress.some(({ value }) => value > 0 && value < 100)');
    await cardsOf(page).nth(1).waitFor();
    await untilTrue(page, ALL_THUMBNAILS_SHOW);

    expect(await cardsOf(page).locator('h3').allTextContents()).toEqual(['照片.png', 'b <i>.jpg']);
    expect(await cardsOf(page).locator('.file-id').allTextContents()).toEqual([
      expect.stringMatching(/^cloud:\/\/[^/]+\/images\/.+\.png$/),
      expect.stringMatching(/^cloud:\/\/[^/]+\/images\/.+\.jpg$/),
    ]);
    expect(await cardsOf(page).first().textContent()).toContain('400 × 300');
    expect(await uploadsOf(page).count()).toBe(0);
    expect(problems).toEqual([]);
  });

  it('shows before and after in one frame, and the pixels have changed', async () => {
    const { page, problems } = await openPage(lab.url);
    await uploadAll(page, await makeImage('png', 'color.png'));

    await page.getByRole('button', { name: 'Edit color.png' }).click();
    await page.getByRole('button', { name: 'Run' }).click();
    const after = page.locator('[data-part=afterPicture]');
    await after.locator('img').waitFor();

    const before = await fetchPixels(await linkOf(page.locator('[data-part=beforePicture]')));
    const changed = await fetchPixels(await linkOf(after));
    expect(changed).toHaveLength(before.length);
    expect(colorfulness(before)).toBeGreaterThan(50);
    expect(colorfulness(changed)).toBe(0);
    expect(await page.locator('[data-part=after] .file-id').textContent()).toMatch(
      /^cloud:.+\/processed\/.+\.png$/,
    );
    expect(await cardsOf(page).count()).toBe(2);
    expect(problems).toEqual([]);
  });

  it('says which sizes there are when another one is typed, and does not run', async () => {
    const { page, problems } = await openPage(lab.url);
    await uploadAll(page, await makeImage('png', 'a.png'));
    await page.getByRole('button', { name: 'Edit a.png' }).click();
    await page.locator('.operation', { hasText: 'Resize' }).click();
    const field = page.locator('[data-part=options] input[type=number]');
    const problem = page.locator('.option-problem');

    for (const typed of ['5000', '15', '', '99.5']) {
      await field.fill(typed);
      await page.getByRole('button', { name: 'Run' }).click();
      expect(await problem.textContent()).toContain('from 16 to 4096');
      expect(await field.inputValue()).toBe(typed);
      expect(await field.getAttribute('aria-invalid')).toBe('true');
    }
    await field.fill('64');
    await page.getByRole('button', { name: 'Run' }).click();
    await page.locator('[data-part=afterPicture] img').waitFor();

    expect(await problem.textContent()).toBe('');
    expect(await page.locator('[data-part=after]').textContent()).toContain('64 × 48');
    expect(await cardsOf(page).locator('h3').allTextContents()).toEqual(['a-64.png', 'a.png']);
    expect(problems).toEqual([]);
  });

  it('deletes one image or several, after asking', async () => {
    const { page } = await openPage(lab.url);
    const image = await makeImage('png', 'old.png');
    await uploadAll(page, image, { ...image, name: 'b.png' }, { ...image, name: 'c.png' });
    const remove = page.getByRole('button', { name: 'Delete old.png' });
    const yes = page.getByRole('button', { name: 'Delete', exact: true });

    await remove.click();
    await page.getByRole('button', { name: 'Keep' }).click();
    expect(await cardsOf(page).count()).toBe(3);
    await remove.click();
    await yes.click();
    await cardNamed(page, 'old.png').waitFor({ state: 'detached' });
    expect(await cardsOf(page).count()).toBe(2);

    await page.getByRole('button', { name: 'Select all' }).click();
    await page.getByRole('button', { name: 'Delete 2' }).click();
    await yes.click();
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

  it('explains a text and a damaged image, in sight, and keeps nothing of them', async () => {
    const { page } = await openPage(lab.url);
    const image = await makeImage('png', 'cut.png');

    await pick(page, { name: 'notes.png', mimeType: 'image/png', buffer: Buffer.from('a text') });
    await failureLineOf(page).getByText('notes.png: Not an image this lab takes').waitFor();
    await pick(page, { ...image, buffer: image.buffer.subarray(0, image.buffer.length / 2) });
    await failureLineOf(page).getByText('2 files were not stored.').waitFor();

    expect(await isInSight(failureLineOf(page))).toBe(true);
    expect(await uploadsOf(page).locator('.upload-status').allTextContents()).toEqual([
      expect.stringContaining('The image is damaged'),
      expect.stringContaining('Not an image this lab takes'),
    ]);
    await until(() => lab.emulator.objects.length === 0, 'an empty cloud');
    expect(await cardsOf(page).count()).toBe(0);
  });

  it('does not even send a file over the limit', async () => {
    const { page } = await openPage(lab.url);
    const requests: string[] = [];
    page.on('request', request => requests.push(request.method()));

    await page.locator('#files').setInputFiles(await writeLargeImage(folder, 20_971_521));
    await uploadsOf(page).getByText('Too large: a file may have up to 20 MB.').waitFor();

    expect(requests).not.toContain('POST');
  });

  it('says that there is no connection when the server has stopped', async () => {
    const { page } = await openPage(lab.url);
    await lab.close();

    await pick(page, await makeImage('png', 'late.png'));

    await page.locator('#offline').getByText('No connection to the server.').waitFor();
    await uploadsOf(page).getByText('No connection to the server.').waitFor();
    expect(await isInSight(uploadsOf(page))).toBe(true);
  });
}

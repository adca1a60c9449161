import { expect, it } from '@jest/globals';
import { until } from '../../../support/until.js';
import {
  ALL_THUMBNAILS_SHOW,
  cardNamed,
  cardsOf,
  openDirect,
  pick,
  untilTrue,
  uploadsOf,
  type PageTools,
} from '../../../support/image-lab/lab-page.js';
import { makeImage } from '../../../support/image-lab/pictures.js';

/** Uploads from the browser to the cloud. */
export function describeDirectUploads(tools: PageTools): void {
  const { lab } = tools;

  it('posts the file to the cloud itself: nothing of it comes to the application', async () => {
    const image = await makeImage('png', 'straight.png', 2_500);
    const { page, problems } = await openDirect(tools);

    await pick(page, image);
    await cardNamed(page, 'straight.png').waitFor();
    await untilTrue(page, ALL_THUMBNAILS_SHOW);

    const posts = lab.emulator.journal.filter(({ operation }) => operation === 'post-object');
    expect(posts.filter(({ origin }) => origin !== undefined)).toEqual([
      expect.objectContaining({ origin: lab.url, method: 'POST', status: 204 }),
    ]);
    expect(posts[0]?.requestBytes).toBeGreaterThan(image.buffer.length);
    expect(image.buffer.length).toBeGreaterThan(1_000_000);
    expect(lab.receivedBytes).toBeLessThan(100_000);
    expect(problems).toEqual([]);
  });

  it('explains a damaged image, which is gone from the cloud', async () => {
    const { page } = await openDirect(tools);
    const image = await makeImage('png', 'cut.png');

    await pick(page, { ...image, buffer: image.buffer.subarray(0, image.buffer.length / 2) });
    await uploadsOf(page).getByText('The image is damaged').waitFor();

    expect(lab.emulator.journal.map(({ operation }) => operation)).toContain('post-object');
    await until(() => lab.emulator.objects.length === 0, 'an empty cloud');
    expect(await cardsOf(page).count()).toBe(0);
  });
}

import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import sharp from 'sharp';
import type { Page } from 'playwright-core';
import {
  cardNamed,
  failureLineOf,
  isInSight,
  openDirect,
  pick,
  uploadsOf,
  type PageTools,
} from '../../../../support/image-lab/lab-page.js';
import type { PickedFile } from '../../../../support/image-lab/pictures.js';
import { drop, makeSmallImage, readCardNames, useFolder, watchRequests } from './support.js';

const NO_IMAGE = 'Not an image this lab takes: only PNG, JPEG, WebP, GIF and AVIF';
const UNREADABLE = 'The browser cannot read this file. A folder cannot be uploaded.';

const text = Buffer.from('Dear diary, today I wanted to be an image.');
const heic = Buffer.concat([
  Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic'),
  Buffer.alloc(2_000),
]);
const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>');

/** Files that are refused, and the two ways: by the type that the browser tells, or by content. */
const REFUSED: readonly PickedFile[] = [
  { name: 'notes.txt', mimeType: 'text/plain', buffer: text },
  { name: 'page.html', mimeType: 'text/html', buffer: Buffer.from('<!doctype html><p>no') },
  { name: 'paper.pdf', mimeType: 'application/pdf', buffer: Buffer.from('%PDF-1.7 and so on') },
  { name: 'a text.png', mimeType: 'image/png', buffer: text },
  { name: 'unknown', mimeType: 'application/octet-stream', buffer: text },
  { name: 'empty.png', mimeType: 'image/png', buffer: Buffer.alloc(0) },
  { name: 'drawing.svg', mimeType: 'image/svg+xml', buffer: svg },
  { name: 'photo.heic', mimeType: 'image/heic', buffer: heic },
  { name: 'old.bmp', mimeType: 'image/bmp', buffer: Buffer.from('BM and then pixels') },
];

type Format = 'png' | 'jpeg' | 'webp' | 'gif' | 'avif';

const TAKEN: readonly (readonly [Format, string, string])[] = [
  ['png', 'a.png', 'image/png'],
  ['jpeg', 'a.jpg', 'image/jpeg'],
  ['webp', 'a.webp', 'image/webp'],
  ['gif', 'a.gif', 'image/gif'],
  ['avif', 'a.avif', 'image/avif'],
];

async function makePicture(format: Format): Promise<Buffer> {
  const picture = sharp({ create: { width: 40, height: 30, channels: 3, background: '#c63' } });
  return picture.toFormat(format).toBuffer();
}

/** A file that was chosen with an input of the test's own. */
const CHOSEN = "document.getElementById('aside').files[0]";

/** Opens the page so that files take one of the two ways. */
type Open = (tools: PageTools) => Promise<{ readonly page: Page }>;

const ROUTES: readonly (readonly [string, Open])[] = [
  ['through the application', ({ lab, openPage }) => openPage(lab.url)],
  ['straight to the cloud', openDirect],
];

/** Files that are refused before anything is sent, and those that are not. */
export function describeRefusals(tools: PageTools): void {
  const { lab, openPage } = tools;
  const folder = useFolder();

  it.each(ROUTES)('rejects a file that is not an image before it is sent, %s', async (_, open) => {
    const { page } = await open(tools);
    const requests = watchRequests(page);
    const received = lab.receivedBytes;

    for (const [index, file] of REFUSED.entries()) {
      await pick(page, file);
      await failureLineOf(page).getByText(`${file.name}: ${NO_IMAGE}`).waitFor();
      await uploadsOf(page).nth(index).waitFor();
    }

    expect(requests).toEqual([]);
    expect(lab.receivedBytes).toBe(received);
    expect(lab.emulator.journal).toEqual([]);
    expect(await uploadsOf(page).count()).toBe(REFUSED.length);
  });

  it.each(ROUTES)('sends a picture among texts, and nothing of them, %s', async (_, open) => {
    const { page } = await open(tools);
    const requests = watchRequests(page);
    const [note, , , disguised] = REFUSED as [PickedFile, PickedFile, PickedFile, PickedFile];

    await pick(page, note, await makeSmallImage('a.png'), disguised);
    await cardNamed(page, 'a.png').waitFor();

    expect(await readCardNames(page)).toEqual([note.name, 'a.png', disguised.name]);
    const posts = requests.filter(request => request.startsWith('POST'));
    expect(posts.filter(request => /\/api\/(images|direct-uploads)$/.test(request))).toHaveLength(
      1,
    );
    expect(await isInSight(failureLineOf(page))).toBe(true);
  });

  it.each(ROUTES)('takes PNG, JPEG, WebP, GIF and AVIF, %s', async (_, open) => {
    const { page, ...rest } = await open(tools);

    for (const [format, name, mimeType] of TAKEN) {
      await pick(page, { name, mimeType, buffer: await makePicture(format) });
      await cardNamed(page, name).waitFor();
    }

    expect(rest).toMatchObject({ problems: [] });
    expect(lab.emulator.objects.map(({ contentType }) => contentType)).toEqual(
      expect.arrayContaining(TAKEN.map(([, , mimeType]) => mimeType)),
    );
  });

  it('detects a file without a type by its content', async () => {
    const { page } = await openPage(lab.url);
    const names = ['camera', 'diary'];
    const paths = names.map(name => join(folder.path, name));
    await writeFile(join(folder.path, 'camera'), await makePicture('jpeg'));
    await writeFile(join(folder.path, 'diary'), text);

    await page.locator('#files').setInputFiles(paths);
    await cardNamed(page, 'camera').waitFor();
    await failureLineOf(page).getByText(`diary: ${NO_IMAGE}`).waitFor();

    expect(lab.emulator.objects[0]?.contentType).toBe('image/jpeg');
    expect(await readCardNames(page)).toEqual(names);
  });

  it('says that a folder cannot be uploaded', async () => {
    const { page } = await openPage(lab.url);
    const requests = watchRequests(page);
    const path = join(folder.path, 'holiday');
    await mkdir(path);

    await drop(page, [path]);
    await failureLineOf(page).getByText(`holiday: ${UNREADABLE}`).waitFor();

    expect(requests).toEqual([]);
    expect(await uploadsOf(page).getByText(UNREADABLE).isVisible()).toBe(true);
  });

  it('says that a file cannot be read', async () => {
    const { page } = await openPage(lab.url);
    const requests = watchRequests(page);
    const path = join(folder.path, 'gone.png');
    await writeFile(path, await makePicture('png'));
    await page.evaluate(`void document.body.append(Object.assign(document.createElement('input'), {
      type: 'file', id: 'aside',
    }))`);
    await page.locator('#aside').setInputFiles(path);
    // From now on the browser expects the file to be as it is.
    expect(await page.evaluate(`${CHOSEN}.size`)).toBeGreaterThan(0);
    await rm(path);

    await page.evaluate(`{
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(${CHOSEN});
      dispatchEvent(new DragEvent('drop', { dataTransfer, cancelable: true }));
    }`);
    await failureLineOf(page).getByText(`gone.png: ${UNREADABLE}`).waitFor();

    expect(requests).toEqual([]);
  });
}

import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import sharp from 'sharp';
import { startWxCloudEmulator, type WxCloudEmulator } from '../../../lib/emulator/index.js';
import { launchBrowser } from '../../support/browser.js';
import {
  cleanUpSamples,
  runSample,
  startLabOn,
  startSample,
  type RunningLab,
  type SampleProcess,
} from '../../support/sample-process.js';
import { until } from '../../support/until.js';

interface PickedFile {
  readonly name: string;
  readonly mimeType: string;
  readonly buffer: Buffer;
}

/** Noise does not compress, so that an upload takes its time. */
async function makeImage(format: 'png' | 'jpeg', name: string, width = 400): Promise<PickedFile> {
  const noise = { type: 'gaussian', mean: 120, sigma: 50 } as const;
  const picture = sharp({ create: { width, height: 300, channels: 3, noise, background: '#fff' } });
  const colored = picture.tint({ r: 230, g: 120, b: 40 });
  return { name, mimeType: `image/${format}`, buffer: await colored.toFormat(format).toBuffer() };
}

async function fetchPixels(link: string): Promise<Buffer> {
  const bytes = Buffer.from(await (await fetch(link)).arrayBuffer());
  return sharp(bytes).removeAlpha().toColourspace('srgb').raw().toBuffer();
}

/** How far apart the channels of a pixel are, at most. */
function colorfulness(pixels: Buffer): number {
  let most = 0;
  for (let at = 0; at + 2 < pixels.length; at += 3) {
    const [red = 0, green = 0, blue = 0] = pixels.subarray(at, at + 3);
    most = Math.max(most, Math.abs(red - green), Math.abs(green - blue));
  }
  return most;
}

/** A file with an image at its start: handed over by path, as its content would take long to go through the DevTools. */
async function writeLargeImage(size: number): Promise<string> {
  const { buffer } = await makeImage('png', 'large.png');
  const path = join(folder, 'large.png');
  await writeFile(path, Buffer.concat([buffer, Buffer.alloc(size - buffer.length)]));
  return path;
}

/** Keeps every value that a progress bar shows. */
const RECORD_PROGRESS = `
  window.seenProgress = [];
  new MutationObserver(changes => {
    for (const { target } of changes) if (target.localName === 'progress') seenProgress.push(target.value);
  }).observe(document, { subtree: true, attributes: true, attributeFilter: ['value'] });
`;

/** What a Tab key has to be able to reach: all controls that can be seen. */
const CONTROLS = `[...document.querySelectorAll('a[href], button, input, select')].filter(
  element => element.checkVisibility() && !element.disabled,
)`;

const ALL_THUMBNAILS_SHOW = `[...document.querySelectorAll('.thumbnail img')].every(
  image => image.complete && image.naturalWidth > 0,
)`;

let browser: Browser;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'image-lab-test-'));
  browser = await launchBrowser();
});

afterEach(async () => {
  await Promise.all(browser?.contexts().map(context => context.close()) ?? []);
});

afterAll(async () => {
  await browser?.close();
  await cleanUpSamples();
  await rm(folder, { recursive: true, force: true });
});

interface Lab {
  readonly sample: SampleProcess;
  readonly page: Page;
  readonly problems: readonly string[];
}

async function openLab(options: BrowserContextOptions = {}): Promise<Lab> {
  const sample = await startSample();
  const context = await browser.newContext({ locale: 'en-US', ...options });
  const page = await context.newPage();
  const problems: string[] = [];
  page.on('pageerror', error => problems.push(String(error)));
  page.on('console', message => {
    if (message.type() === 'error') problems.push(message.text());
  });
  await page.addInitScript(RECORD_PROGRESS);
  await page.goto(sample.url);
  await page.locator('[data-part=cards]:not([aria-busy])').waitFor({ state: 'attached' });
  return { sample, page, problems };
}

async function pick(page: Page, ...files: readonly PickedFile[]): Promise<void> {
  await page.locator('#files').setInputFiles([...files]);
}

async function uploadAll(page: Page, ...files: readonly PickedFile[]): Promise<void> {
  await pick(page, ...files);
  await cardsOf(page)
    .nth(files.length - 1)
    .waitFor();
  await untilTrue(page, ALL_THUMBNAILS_SHOW);
}

/** The page's policy lets nothing be evaluated inside it, so that it is asked again and again from here. */
async function untilTrue(page: Page, expression: string): Promise<void> {
  await until(() => page.evaluate<boolean>(expression), expression);
}

/** Lets requests through at so many bytes a second. */
async function slowDown(page: Page, uploadThroughput: number): Promise<void> {
  const devTools = await page.context().newCDPSession(page);
  await devTools.send('Network.enable');
  await devTools.send('Network.emulateNetworkConditions', {
    offline: false,
    latency: 0,
    downloadThroughput: -1,
    uploadThroughput,
  });
}

function cardsOf(page: Page): Locator {
  return page.locator('.card:not(.skeleton)');
}

async function linkOf(figure: Locator): Promise<string> {
  return (await figure.locator('img').getAttribute('src')) ?? '';
}

describe('the page of the image lab', () => {
  it('says that the emulator is used and that nothing leaves the machine', async () => {
    const { page, problems } = await openLab();

    await page.getByText('Nothing leaves this machine.').waitFor();
    await page.getByText('No images yet').waitFor();

    expect(problems).toEqual([]);
  });

  it('uploads two images with progress, and shows their thumbnails and file IDs', async () => {
    const { page, problems } = await openLab();
    await slowDown(page, 400_000);

    await pick(page, await makeImage('png', '照片.png'), await makeImage('jpeg', 'b <i>.jpg'));
    await untilTrue(page, 'seenProgress.some(value => value > 0 && value < 100)');
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

  it('sends three files at once, and a cancelled one leaves nothing', async () => {
    const { page, sample } = await openLab();
    await slowDown(page, 20_000);
    const image = await makeImage('png', 'slow.png');

    await pick(page, image, image, image, image, image);
    await page.locator('.upload[data-state=sending]').nth(2).waitFor();
    expect(await page.locator('.upload[data-state=waiting]').count()).toBe(2);
    const cancel = page.getByRole('button', { name: 'Cancel the upload of slow.png' });
    for (let left = 5; left > 0; left -= 1) await cancel.first().click();

    expect(await page.locator('.upload[data-state=cancelled]').count()).toBe(5);
    await until(async () => (await sample.countObjects()) === 0, 'an empty cloud');
  });

  it('shows before and after side by side, and the pixels have changed', async () => {
    const { page, problems } = await openLab();
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
    const { page } = await openLab();
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

  it('deletes an image after asking', async () => {
    const { page, sample } = await openLab();
    await uploadAll(page, await makeImage('png', 'old.png'));
    const remove = page.getByRole('button', { name: 'Delete old.png' });

    await remove.click();
    await page.getByRole('button', { name: 'Keep' }).click();
    expect(await cardsOf(page).count()).toBe(1);

    await remove.click();
    await page.getByRole('button', { name: 'Delete', exact: true }).click();
    await page.getByText('No images yet').waitFor();
    expect(await sample.countObjects()).toBe(0);
  });

  it('copies a file ID and says so', async () => {
    const { page } = await openLab({ permissions: ['clipboard-read', 'clipboard-write'] });
    await uploadAll(page, await makeImage('png', 'a.png'));

    await page.getByRole('button', { name: 'Copy the file ID of a.png' }).click();
    await page.getByText('File ID copied').waitFor();

    const fileId = await cardsOf(page).locator('.file-id').textContent();
    expect(await page.evaluate('navigator.clipboard.readText()')).toBe(fileId);
  });

  it('explains a refused type and a damaged image, and keeps nothing of them', async () => {
    const { page, sample } = await openLab();
    const image = await makeImage('png', 'cut.png');

    await pick(page, { name: 'notes.png', mimeType: 'image/png', buffer: Buffer.from('a text') });
    await page.getByText('Not an image this lab takes').first().waitFor();
    await pick(page, { ...image, buffer: image.buffer.subarray(0, image.buffer.length / 2) });
    await page.getByText('The image is damaged').first().waitFor();

    await until(async () => (await sample.countObjects()) === 0, 'an empty cloud');
    expect(await cardsOf(page).count()).toBe(0);
  });

  it('does not even send a file over the limit', async () => {
    const { page } = await openLab();
    const requests: string[] = [];
    page.on('request', request => requests.push(request.method()));

    await page.locator('#files').setInputFiles(await writeLargeImage(20_971_521));
    await page.getByText('Too large: a file may have up to 20 MB.').first().waitFor();

    expect(requests).not.toContain('POST');
  });

  it('explains what the server says about a file over the limit', async () => {
    const { page, sample } = await openLab();
    await page.route('**/api/mode', async route => {
      const response = await route.fetch();
      const mode = (await response.json()) as object;
      await route.fulfill({ response, json: { ...mode, fileSizeBytes: 40 * 1024 * 1024 } });
    });
    await page.reload();
    await page.getByText('up to 40 MB').waitFor();

    await page.locator('#files').setInputFiles(await writeLargeImage(30_000_000));
    await page.getByText('Too large: a file may have up to').first().waitFor();

    expect(await cardsOf(page).count()).toBe(0);
    await until(async () => (await sample.countObjects()) === 0, 'an empty cloud');
  });

  it('says that there is no connection when the server has stopped', async () => {
    const { page, sample } = await openLab();
    await sample.stop();

    await pick(page, await makeImage('png', 'late.png'));

    await page.getByRole('alert').getByText('No connection to the server.').waitFor();
    expect(await page.locator('.upload[data-state=failed]').textContent()).toContain(
      'No connection to the server.',
    );
  });

  it('speaks the language of the browser, and remembers another choice', async () => {
    const { page } = await openLab({ locale: 'zh-CN' });
    const html = page.locator('html');

    await page.getByText('数据不会离开本机').waitFor();
    expect(await html.getAttribute('lang')).toBe('zh-CN');
    await page.getByRole('button', { name: 'English' }).click();
    await page.getByText('Nothing leaves this machine.').waitFor();
    await page.reload();
    await page.getByText('Nothing leaves this machine.').waitFor();

    expect(await html.getAttribute('lang')).toBe('en');
  });

  it('explains a refusal in Chinese, and follows a change of language', async () => {
    const { page } = await openLab({ locale: 'zh-CN' });

    await pick(page, { name: 'a.png', mimeType: 'image/png', buffer: Buffer.from('a text') });
    await page.locator('.upload').getByText('不支持的文件类型').waitFor();
    await page.getByRole('button', { name: 'English' }).click();

    await page.locator('.upload').getByText('Not an image this lab takes').waitFor();
    expect(await page.locator('main').textContent()).not.toMatch(/\p{Script=Han}/u);
  });

  it.each(['en-US', 'zh-CN'])('fits a screen of 360 pixels in %s', async locale => {
    const { page } = await openLab({ locale, viewport: { width: 360, height: 740 } });
    await uploadAll(page, await makeImage('png', `${'a-long-name-'.repeat(9)}.png`));
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);

    await page.locator('.thumbnail').click();
    await page.locator('.operation').last().click();
    await page.locator('#workbench [type=submit]').click();
    await page.locator('[data-part=after] img').waitFor();

    expect(await page.evaluate('document.getElementById("workbench").scrollWidth')).toBe(360);
  });

  it('reaches every control by the Tab key', async () => {
    const { page } = await openLab();
    await uploadAll(page, await makeImage('png', 'a.png'));
    const count = await page.evaluate<number>(`${CONTROLS}.length`);

    await page.evaluate('window.reached = new Set(), document.activeElement.blur()');
    for (let step = 0; step < count + 3; step += 1) {
      await page.keyboard.press('Tab');
      await page.evaluate('reached.add(document.activeElement)');
    }

    expect(count).toBeGreaterThan(6);
    expect(
      await page.evaluate(`${CONTROLS}.filter(c => !reached.has(c)).map(c => c.outerHTML)`),
    ).toEqual([]);
  });

  it('uploads and operates by keyboard alone', async () => {
    const { page } = await openLab();
    const chooser = page.waitForEvent('filechooser');
    await page.locator('#files').focus();
    await page.keyboard.press('Enter');
    await (await chooser).setFiles([await makeImage('png', 'keys.png')]);
    const edit = page.getByRole('button', { name: 'Edit keys.png' });
    await edit.waitFor();

    await edit.focus();
    await page.keyboard.press('Enter');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Enter');
    await page.locator('[data-part=after] img').waitFor();
    expect(await page.locator('[data-part=request]').textContent()).toContain('"blur"');

    await page.keyboard.press('Escape');
    await page.locator('#workbench').waitFor({ state: 'hidden' });
    expect(await page.evaluate('document.activeElement.ariaLabel')).toBe('Edit keys.png');
  });
});

describe('the API of the image lab', () => {
  async function operate(sample: SampleProcess, body: unknown): Promise<[number, unknown]> {
    const response = await fetch(`${sample.url}/api/operations`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    });
    const { errorCode } = (await response.json()) as { errorCode?: unknown };
    return [response.status, errorCode];
  }

  it('refuses file IDs that are not of its gallery, and options out of bounds', async () => {
    const { page, sample } = await openLab();
    await uploadAll(page, await makeImage('png', 'a.png'));
    const fileId = await cardsOf(page).locator('.file-id').textContent();
    const grayscale = { operation: 'grayscale', options: {} };
    const invalid = [400, 'OPERATION_INVALID'];

    expect(await operate(sample, { ...grayscale, fileId: 'cloud://other.b-1/a.png' })).toEqual([
      400,
      'WX_CLOUD_FILE_ID_INVALID',
    ]);
    expect(await operate(sample, { ...grayscale, fileId: `${fileId}x` })).toEqual([
      404,
      'IMAGE_UNKNOWN',
    ]);
    expect(await operate(sample, { ...grayscale, fileId: 7 })).toEqual([
      400,
      'WX_CLOUD_FILE_ID_INVALID',
    ]);
    expect(await operate(sample, { fileId, operation: 'toString' })).toEqual(invalid);
    expect(await operate(sample, { fileId, operation: 'blur', options: { sigma: 99 } })).toEqual(
      invalid,
    );
    expect(await operate(sample, { ...grayscale, fileId, more: 1 })).toEqual(invalid);
    expect(await operate(sample, { fileId })).toEqual(invalid);
    expect(await operate(sample, [])).toEqual([400, 'WX_CLOUD_FILE_ID_INVALID']);
  });

  it('refuses what another web site sends', async () => {
    const sample = await startSample();

    const response = await fetch(`${sample.url}/api/images`, {
      headers: { 'Sec-Fetch-Site': 'cross-site' },
    });

    expect(response.status).toBe(403);
  });

  it('lets the page load nothing but its own files and images of the cloud', async () => {
    const sample = await startSample();

    const { headers } = await fetch(sample.url);

    expect(headers.get('content-security-policy')).toMatch(
      /^default-src 'none'; script-src 'self'; .*img-src 'self' blob: http:\/\/127\.0\.0\.1:\d+;/,
    );
  });
});

describe('a failing request to the image lab', () => {
  let emulator: WxCloudEmulator;
  let lab: RunningLab;
  let fileId: unknown;

  beforeEach(async () => {
    emulator = await startWxCloudEmulator();
    lab = await startLabOn(emulator);
    ({ fileId } = (await (await upload()).json()) as { fileId: unknown });
  });

  afterEach(async () => {
    await lab.close();
    await emulator.close();
  });

  async function upload(): Promise<Response> {
    const { name, mimeType, buffer } = await makeImage('png', 'a.png');
    const form = new FormData();
    form.set('image', new Blob([buffer], { type: mimeType }), name);
    return fetch(`${await lab.getUrl()}/api/images`, { method: 'POST', body: form });
  }

  async function blur(signal?: AbortSignal): Promise<Response> {
    return fetch(`${await lab.getUrl()}/api/operations`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ fileId, operation: 'blur', options: { sigma: 2 } }),
      ...(signal && { signal }),
    });
  }

  async function countImages(): Promise<number> {
    const response = await fetch(`${await lab.getUrl()}/api/images`);
    return ((await response.json()) as { images: unknown[] }).images.length;
  }

  const quotaUsedUp = { kind: 'errcode', errcode: 45_009 } as const;

  it('keeps no result when its thumbnail cannot be stored', async () => {
    const before = emulator.objects.length;
    emulator.faults.add({ operation: 'upload-link', effect: quotaUsedUp, after: 1 });

    expect((await blur()).status).toBe(503);

    await until(() => emulator.objects.length === before, 'the removal of the result');
    expect(await countImages()).toBe(1);
  });

  it.each([
    { what: 'an upload', call: () => upload() },
    { what: 'an operation', call: () => blur() },
  ])('keeps nothing of $what for which there are no links', async ({ call }) => {
    const before = emulator.objects.length;
    emulator.faults.add({ operation: 'download-links', effect: quotaUsedUp, after: 1 });

    expect((await call()).status).toBe(503);

    await until(() => emulator.objects.length === before, 'the removal of the files');
    expect(await countImages()).toBe(1);
  });

  it('keeps nothing when its client goes away', async () => {
    const before = emulator.objects.length;
    const client = new AbortController();
    emulator.faults.add({
      operation: 'post-object',
      effect: { kind: 'hang', at: 'request' },
      after: 1,
    });

    const call = blur(client.signal);
    await until(() => emulator.objects.length > before, 'the result');
    client.abort();

    await expect(call).rejects.toThrow('aborted');
    await until(() => emulator.objects.length === before, 'the removal of the result');
    expect(await countImages()).toBe(1);
  });
});

describe('the start and end of the image lab', () => {
  it('ends on Ctrl-C without a word and without a file left', async () => {
    const sample = await startSample();

    expect(await sample.stop()).toEqual({ code: null, stderr: '', leftovers: [] });
  });

  it.each([
    { variables: { PORT: 'http' }, line: /^PORT is "http", .+ PORT=3000\.\n$/ },
    { variables: { PORT: '65536' }, line: /^PORT is "65536", .+\n$/ },
    { variables: { PORT: '-1' }, line: /^PORT is "-1", .+\n$/ },
    {
      variables: { WX_APPID: 'wx1', WX_ENV_ID: 'prod-1' },
      line: /^WX_SECRET is missing: .+ unset WX_APPID and WX_ENV_ID .+\n$/,
    },
    {
      variables: { WX_SECRET: 'hidden' },
      line: /^WX_APPID and WX_ENV_ID are missing: (?!.*hidden).+\n$/,
    },
    {
      variables: { WX_APPID: 'wx1', WX_SECRET: 'hidden', WX_ENV_ID: 'two words' },
      line: /^The image lab could not start: (?!.*hidden).*env.*\n$/,
    },
  ])('says in one line what is wrong with $variables', async ({ variables, line }) => {
    expect(await runSample(variables)).toEqual({
      code: 1,
      stderr: expect.stringMatching(line),
      leftovers: [],
    });
  });

  it('says in one line that its port is taken', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };

    const end = await runSample({ PORT: String(port) });
    server.close();

    expect(end).toEqual({
      code: 1,
      stderr: expect.stringMatching(new RegExp(`^Port ${port} on 127.0.0.1 is taken: .+\\n$`)),
      leftovers: [],
    });
  });
});

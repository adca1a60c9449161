// Takes the pictures of the image lab for the README: two languages, light and dark.
// Usage: npm run screenshot. Needs Chromium (CHROMIUM_PATH) and, for Chinese, fonts-noto-cjk.
import { spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import sharp from 'sharp';

const ROOT = new URL('../', import.meta.url);
const FOLDER = new URL('docs/images/', ROOT);
const VIEWPORT = { width: 1280, height: 800 };
/** The width in pixels. The pictures are part of the package, so they must be small. */
const PICTURE_WIDTH = 960;
const LANGUAGES = ['en', 'zh-CN'];
const SCHEMES = ['light', 'dark'];
/** The rate in bytes per second of the upload that the picture shows. */
const SLOW = 80_000;
const SHOWN_PERCENT = 55;

const lab = await startLab();
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--headless', '--disable-gpu', '--disable-background-networking'],
});
try {
  await mkdir(FOLDER, { recursive: true });
  const version = await fillGallery();
  for (const language of LANGUAGES) {
    for (const colorScheme of SCHEMES) await takePicture(language, colorScheme);
  }
  await writeFile(new URL('sample/image-lab/screenshot.json', ROOT), `{ "page": "${version}" }\n`);
} finally {
  await browser.close();
  lab.kill();
}

async function startLab() {
  const main = fileURLToPath(new URL('sample/image-lab/dist/main.js', ROOT));
  const env = { PATH: process.env.PATH, PORT: '0', NO_COLOR: '1' };
  const child = spawn(process.execPath, [main], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout });
  const address = (async () => {
    for await (const line of lines) {
      const url = /Image lab: (http:\S+)/.exec(line)?.[1];
      if (url !== undefined) return url;
    }
    throw new Error('The image lab has ended before it listened.');
  })();
  const url = await address;
  child.stdout.resume();
  return { url, kill: () => child.kill('SIGINT') };
}

async function openPage(language, colorScheme) {
  const context = await browser.newContext({
    locale: language,
    colorScheme,
    viewport: VIEWPORT,
    reducedMotion: 'reduce',
  });
  const page = await context.newPage();
  await page.goto(lab.url);
  await page.locator('[data-part=cards]:not([aria-busy])').waitFor({ state: 'attached' });
  return page;
}

/** Adds the samples and an image made from one. Returns the version of the page. */
async function fillGallery() {
  const page = await openPage('en', 'light');
  await page.locator('[data-part=allSamples]').click();
  await page.locator('.card.image').nth(2).waitFor();
  await page.getByRole('button', { name: 'Edit lighthouse.jpg' }).click();
  await page.getByRole('button', { name: 'Run' }).click();
  await page.locator('[data-part=after] .file-id').waitFor();
  const script = await page.locator('script[type=module]').getAttribute('src');
  await page.context().close();
  return script.split('/')[2];
}

/** Takes a picture during an upload, which is cancelled afterwards. */
async function takePicture(language, colorScheme) {
  const page = await openPage(language, colorScheme);
  await page.waitForFunction(
    "[...document.querySelectorAll('.thumbnail img')].every(image => image.complete)",
  );
  const session = await page.context().newCDPSession(page);
  await session.send('Network.enable');
  await session.send('Network.emulateNetworkConditions', {
    offline: false,
    latency: 0,
    downloadThroughput: -1,
    uploadThroughput: SLOW,
  });
  await page.locator('#files').setInputFiles([await makePhoto()]);
  await untilShown(page);
  const picture = await page.screenshot();
  await page.locator('.upload .upload-buttons button:last-child').click();
  await page.locator('.upload[data-state=cancelled]').waitFor();
  await page.context().close();
  const name = `image-lab-${language}-${colorScheme}.webp`;
  await sharp(picture)
    .resize(PICTURE_WIDTH)
    .webp({ quality: 80, effort: 6 })
    .toFile(fileURLToPath(new URL(name, FOLDER)));
}

/** Waits by polling, because the page forbids evaluating code inside it. */
async function untilShown(page) {
  const bar = page.locator('.upload progress').first();
  for (;;) {
    if ((await bar.evaluate(element => element.value)) >= SHOWN_PERCENT) return;
    await new Promise(resolve => setTimeout(resolve, 50));
  }
}

/** Creates an image of some hundred kilobytes, so that its upload takes seconds. */
async function makePhoto() {
  const drawing = fileURLToPath(new URL('sample/image-lab/public/samples/lake.svg', ROOT));
  const buffer = await sharp(drawing).resize(2800).png({ compressionLevel: 1 }).toBuffer();
  return { name: 'sunrise.png', mimeType: 'image/png', buffer };
}

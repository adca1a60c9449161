import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { extname, join, sep } from 'node:path';
import type { RequestHandler } from 'express';

/** A file of the page as it is sent. */
interface PageFile {
  readonly body: Buffer;
  /** Its extension, with the dot, which says its media type. */
  readonly extension: string;
  readonly cacheControl: string;
}

/** The files of the page by the paths of their addresses. */
export type Page = ReadonlyMap<string, PageFile>;

const INDEX = 'index.html';

/** For addresses that stay: a browser may keep the file, but asks if it is still the newest. */
const ASK = 'no-cache';

/** For addresses with a version: other content has another address. */
const KEEP = 'public, max-age=31536000, immutable';

/**
 * Reads the files of the page, at the start and not again: what is kept by browsers for a year must
 * not change under its address. `index.html` is at `/`, the others are below `/assets/<version>/`,
 * where the version is a hash over all of them.
 */
export async function readPage(folder: string): Promise<Page> {
  const files = await readFiles(folder);
  const root = `/assets/${versionOf(files)}/`;
  const names = [...files.keys()].filter(name => name !== INDEX);
  const index = completeIndex(await readFile(join(folder, INDEX), 'utf8'), names, root);
  const document = { body: Buffer.from(index), extension: '.html', cacheControl: ASK };
  const page = new Map<string, PageFile>([
    ['/', document],
    [`/${INDEX}`, document],
  ]);
  for (const name of names) {
    const file = { body: files.get(name) as Buffer, extension: extname(name) };
    page.set(root + name, { ...file, cacheControl: KEEP });
    // Some browsers ask for it, whatever the page names as its icon.
    if (name === 'favicon.svg') page.set('/favicon.ico', { ...file, cacheControl: ASK });
  }
  return page;
}

/** Answers requests for the files of the page, and lets all others pass. */
export function servePage(page: Page): RequestHandler {
  return ({ method, path }, response, next) => {
    const file = method === 'GET' || method === 'HEAD' ? page.get(path) : undefined;
    if (file === undefined) {
      next();
      return;
    }
    response.setHeader('Cache-Control', file.cacheControl);
    // Adds an ETag, and answers 304 to a browser that has the file.
    response.type(file.extension).send(file.body);
  };
}

/** The contents by name, with `/` between folders, in an order that is the same everywhere. */
async function readFiles(folder: string): Promise<ReadonlyMap<string, Buffer>> {
  const names = await readdir(folder, { recursive: true });
  const files = new Map<string, Buffer>();
  for (const name of names.filter(entry => extname(entry) !== '').toSorted()) {
    files.set(name.replaceAll(sep, '/'), await readFile(join(folder, name)));
  }
  return files;
}

function versionOf(files: ReadonlyMap<string, Buffer>): string {
  const hash = createHash('sha256');
  for (const [name, { length }] of files) hash.update(`${name} ${length}\n`);
  for (const body of files.values()) hash.update(body);
  return hash.digest('hex').slice(0, 16);
}

/**
 * Puts the version into the addresses that begin with `/assets/`, and names all scripts at once: a
 * browser would find them import by import, and wait for each level of them anew.
 */
function completeIndex(index: string, names: readonly string[], root: string): string {
  const preloads = names
    .filter(name => name.endsWith('.js'))
    .map(name => `    <link rel="modulepreload" href="${root}${name}" />\n`);
  return index
    .replaceAll('"/assets/', `"${root}`)
    .replace('  </head>', () => `${preloads.join('')}  </head>`);
}

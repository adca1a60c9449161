import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { extname, join, sep } from 'node:path';
import type { RequestHandler } from 'express';

/** A file of the page. */
interface PageFile {
  readonly body: Buffer;
  /** Its extension with the dot, which decides the media type. */
  readonly extension: string;
  readonly cacheControl: string;
}

/** The files of the page by URL path. */
export type Page = ReadonlyMap<string, PageFile>;

const INDEX = 'index.html';

/** For URLs without a version: a browser may keep the file, but must revalidate it. */
const ASK = 'no-cache';

/** For URLs with a version: changed content has another URL. */
const KEEP = 'public, max-age=31536000, immutable';

/**
 * Reads the files of the page once, at the start: content that browsers keep for a year must not
 * change under its URL. `index.html` is at `/`, the others are below `/assets/<version>/`, where
 * the version is a hash over all of them.
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
    // Some browsers request it whatever icon the page names.
    if (name === 'favicon.svg') page.set('/favicon.ico', { ...file, cacheControl: ASK });
  }
  return page;
}

/** Serves the files of the page, and passes on all other requests. */
export function servePage(page: Page): RequestHandler {
  return ({ method, path }, response, next) => {
    const file = method === 'GET' || method === 'HEAD' ? page.get(path) : undefined;
    if (file === undefined) {
      next();
      return;
    }
    response.setHeader('Cache-Control', file.cacheControl);
    // Adds an ETag, and responds with 304 if the browser has the file.
    response.type(file.extension).send(file.body);
  };
}

/** Reads the contents by name, with `/` between folders, in the same order on every system. */
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
 * Inserts the version into URLs that begin with `/assets/`, and preloads all scripts: otherwise a
 * browser would discover them import by import and wait for each level.
 */
function completeIndex(index: string, names: readonly string[], root: string): string {
  const preloads = names
    .filter(name => name.endsWith('.js'))
    .map(name => `    <link rel="modulepreload" href="${root}${name}" />\n`);
  return index
    .replaceAll('"/assets/', `"${root}`)
    .replace('  </head>', () => `${preloads.join('')}  </head>`);
}

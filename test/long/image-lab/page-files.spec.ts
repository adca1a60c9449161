import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { send } from '../../e2e/emulator/support/raw-http.js';
import { useLabServer } from '../../support/image-lab/lab-server.js';
import { makeImage } from '../../support/image-lab/pictures.js';

const lab = useLabServer();

/** All addresses below `/assets/` that a document names. */
function assetsIn(html: string): readonly string[] {
  return [...html.matchAll(/"(\/assets\/[^"]+)"/g)].map(([, path = '']) => path);
}

/** `/assets/<version>`, as a document has it. */
function rootOf(html: string): string {
  return /\/assets\/\w+/.exec(html)?.[0] ?? '';
}

describe('the files of the page', () => {
  it('are cacheable for a year under their version, including every script', async () => {
    const { text } = await send(lab.url);
    const assets = [...new Set(assetsIn(text))];

    const responses = await Promise.all(assets.map(path => send(`${lab.url}${path}`)));

    const root = rootOf(text);
    expect(assets.length).toBeGreaterThan(20);
    expect(root).toMatch(/^\/assets\/[\da-f]{16}$/);
    expect(assets.every(path => path.startsWith(`${root}/`))).toBe(true);
    for (const { status, headers } of responses) {
      expect([status, headers['cache-control']]).toEqual([
        200,
        'public, max-age=31536000, immutable',
      ]);
    }
    const imports = responses.flatMap(({ text: script }, index) =>
      [...script.matchAll(/^import .*?'(\..+?)';$/gms)].map(
        ([, path = '']) => new URL(path, `${lab.url}${assets[index]}`).pathname,
      ),
    );
    expect(imports.length).toBeGreaterThan(30);
    expect(imports.filter(path => !assets.includes(path))).toEqual([]);
  });

  it('have the types of their names', async () => {
    const root = rootOf((await send(lab.url)).text);
    const names = ['styles/base.css', 'scripts/app.js', 'favicon.svg'];

    const responses = await Promise.all(names.map(name => send(`${lab.url}${root}/${name}`)));
    const icon = await send(`${lab.url}/favicon.ico`);

    expect([...responses, icon].map(({ headers }) => headers['content-type'])).toEqual([
      'text/css; charset=utf-8',
      'text/javascript; charset=utf-8',
      'image/svg+xml',
      'image/svg+xml',
    ]);
    expect(icon.headers['cache-control']).toBe('no-cache');
  });

  it('exist at no other address', async () => {
    const root = rootOf((await send(lab.url)).text);
    const paths = [
      '/scripts/app.js',
      '/styles/base.css',
      '/assets/styles/base.css',
      '/assets/0123456789abcdef/styles/base.css',
      `${root}/index.html`,
      `${root}/../page.js`,
      `${root}/scripts/..%2f..%2fpackage.json`,
      `${root}/scripts/`,
      `${root}/scripts`,
      `/${root}/styles.css`,
      '/package.json',
    ];

    const responses = await Promise.all(paths.map(path => send(`${lab.url}${path}`)));
    const post = await send(`${lab.url}${root}/styles.css`, { method: 'POST' });

    expect(responses.map(({ status }) => status)).toEqual(paths.map(() => 404));
    expect(responses.map(({ headers }) => headers['cache-control'])).toEqual(
      paths.map(() => 'no-cache'),
    );
    expect(post.status).toBe(404);
  });

  it('are revalidated with an ETag at unversioned addresses', async () => {
    const first = await send(lab.url);
    const etag = String(first.headers.etag);

    const second = await send(lab.url, { headers: { 'If-None-Match': etag } });
    const other = await send(lab.url, { headers: { 'If-None-Match': '"other"' } });

    expect(first.headers['cache-control']).toBe('no-cache');
    expect([second.status, second.text, other.status]).toEqual([304, '', 200]);
  });

  it.each([
    { accepted: 'br, gzip', encoding: 'br', decode: brotliDecompressSync },
    { accepted: 'gzip, deflate, br, zstd', encoding: 'br', decode: brotliDecompressSync },
    { accepted: 'gzip', encoding: 'gzip', decode: gunzipSync },
    { accepted: 'identity', encoding: undefined, decode: (body: Buffer) => body },
  ])('arrive as $encoding for $accepted', async ({ accepted, encoding, decode }) => {
    const plain = await send(lab.url);
    const paths = ['/', ...new Set(assetsIn(plain.text).filter(path => !path.endsWith('.svg')))];

    for (const path of paths) {
      const url = `${lab.url}${path}`;
      const response = await send(url, { headers: { 'Accept-Encoding': accepted } });

      expect(response.headers['content-encoding']).toBe(encoding);
      expect(response.headers.vary).toBe('Accept-Encoding');
      expect(decode(response.body).equals((await send(url)).body)).toBe(true);
    }
  });

  it('respond to HEAD like GET, without a body', async () => {
    const { status, headers, body } = await send(lab.url, { method: 'HEAD' });

    const whole = await send(lab.url);
    expect([status, body.length]).toEqual([200, 0]);
    expect(headers['content-length']).toBe(String(whole.body.length));
    expect(headers.etag).toBe(whole.headers.etag);
  });
});

describe('the version of the page', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'page-'));
    await mkdir(join(folder, 'scripts'));
    await writeFile(join(folder, 'index.html'), '<head>\n  </head><a href="/assets/a.css">');
    await writeFile(join(folder, 'a.css'), 'a');
    await writeFile(join(folder, 'scripts/b.js'), 'b');
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const read = async (): Promise<readonly string[]> => {
    const built = new URL('../../../sample/image-lab/dist/page.js', import.meta.url).href;
    const { readPage } = (await import(built)) as {
      readPage(folder: string): Promise<ReadonlyMap<string, { body: Buffer }>>;
    };
    return [...(await readPage(folder))].map(([path, { body }]) => `${path} ${String(body)}`);
  };

  it('changes when a file is changed, renamed or added', async () => {
    const first = await read();
    const same = await read();
    await writeFile(join(folder, 'a.css'), 'b');
    await writeFile(join(folder, 'scripts/b.js'), 'a');
    const swapped = await read();
    await writeFile(join(folder, 'scripts/c.js'), '');
    const more = await read();

    expect(same).toEqual(first);
    const versions = [first, swapped, more].map(
      files => /"\/assets\/([\da-f]{16})\/a\.css"/.exec(files.join('\n'))?.[1],
    );
    expect(new Set(versions).size).toBe(3);
    expect(versions).not.toContain(undefined);
    expect(more[0]).toBe(
      `/ <head>\n${['b', 'c'].map(name => `    <link rel="modulepreload" href="/assets/${versions[2]}/scripts/${name}.js" />\n`).join('')}  </head><a href="/assets/${versions[2]}/a.css">`,
    );
  });
});

describe('responses of the API', () => {
  const headers = { 'Accept-Encoding': 'br' };

  it('arrive compressed when they are read', async () => {
    await lab.upload(await makeImage('png', 'a.png'));

    const response = await send(`${lab.url}/api/images`, { headers });

    expect(response.headers).toMatchObject({ 'content-encoding': 'br', vary: 'Accept-Encoding' });
    expect(JSON.parse(String(brotliDecompressSync(response.body)))).toMatchObject({
      images: [{ name: 'a.png' }],
    });
  });

  it('arrive uncompressed when they report a change', async () => {
    const { body } = await lab.upload(await makeImage('png', 'a.png'));
    const request = { fileId: body['fileId'], operation: 'grayscale' };

    const response = await send(`${lab.url}/api/operations`, {
      method: 'POST',
      headers: { ...headers, 'Content-Type': 'application/json' },
      body: JSON.stringify(request),
    });

    expect(response.status).toBe(201);
    expect(response.headers['content-encoding']).toBeUndefined();
    expect(JSON.parse(response.text)).toMatchObject({ name: 'a-grayscale.png' });
  });
});

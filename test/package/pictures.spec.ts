import { describe, expect, it } from '@jest/globals';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT } from './support/files.js';

const LAB = join(ROOT, 'sample/image-lab');

describe.each([
  ['README.md', 'en'],
  ['README.zh-CN.md', 'zh-CN'],
])('the picture in %s', (readme, language) => {
  it('is there for light and dark screens, and small', () => {
    const text = readFileSync(join(ROOT, readme), 'utf8');
    const paths = [...text.matchAll(/(?:src|srcset)="([^"]+)"/g)].map(([, path = '']) => path);

    expect(paths.toSorted()).toEqual([
      `docs/images/image-lab-${language}-dark.webp`,
      `docs/images/image-lab-${language}-light.webp`,
    ]);
    const sizes = paths.map(path => statSync(join(ROOT, path)).size);
    expect(Math.min(...sizes)).toBeGreaterThan(10_000);
    expect(Math.max(...sizes)).toBeLessThan(60_000);
  });
});

describe('npm run screenshot', () => {
  it('was run for the page as it is', async () => {
    // Not a literal: the sample is built after the type check.
    const module = pathToFileURL(join(LAB, 'dist/page.js')).href;
    const { readPage } = (await import(module)) as {
      readPage(folder: string): Promise<ReadonlyMap<string, unknown>>;
    };

    const addresses = [...(await readPage(join(LAB, 'public'))).keys()];

    const { page } = JSON.parse(readFileSync(join(LAB, 'screenshot.json'), 'utf8')) as {
      page: string;
    };
    expect(addresses).toContain(`/assets/${page}/scripts/app.js`);
  });
});

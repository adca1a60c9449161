import { beforeEach, describe, expect, it } from '@jest/globals';
import { LinkCache } from '../../../lib/storage/link-cache.js';

const HOUR_MS = 3_600_000;
let nowMs = 0;
let cache: LinkCache;

beforeEach(() => {
  nowMs = 5;
  cache = new LinkCache(2, () => nowMs);
});

function keep(fileId: string, maxAgeSeconds = 3_600): void {
  const note = cache.beginRequest([fileId]);
  cache.keep(note, { fileId, url: `https://x/${fileId}`, maxAgeSeconds });
  cache.endRequest(note);
}

describe('a link', () => {
  it.each([
    ['an hour', 3_600, HOUR_MS - 300_000],
    ['ten minutes', 600, 300_000],
    ['a second', 1, 500],
  ])('of %s is handed out again until its margin', (_, maxAgeSeconds, reusableForMs) => {
    keep('a', maxAgeSeconds);
    nowMs += reusableForMs - 1;
    expect(cache.find('a', maxAgeSeconds)).toBe('https://x/a');
    nowMs += 1;
    expect(cache.find('a', maxAgeSeconds)).toBeUndefined();
  });

  it('lives from the moment at which it was asked for, not from its arrival', () => {
    const note = cache.beginRequest(['a']);
    nowMs += 400;
    cache.keep(note, { fileId: 'a', url: 'https://x/a', maxAgeSeconds: 1 });
    nowMs += 100;
    expect(cache.find('a', 1)).toBeUndefined();
  });

  it('of another life is not handed out', () => {
    keep('a', 3_600);
    expect(cache.find('a', 60)).toBeUndefined();
    expect(cache.find('a', 7_200)).toBeUndefined();
  });

  it('of a file that changed is gone', () => {
    keep('a');
    cache.forget('a');
    expect(cache.find('a', 3_600)).toBeUndefined();
  });

  it('that was on its way while its file changed is not kept', () => {
    const note = cache.beginRequest(['a', 'b']);
    cache.forget('a');
    for (const fileId of ['a', 'b']) {
      cache.keep(note, { fileId, url: `https://x/${fileId}`, maxAgeSeconds: 3_600 });
    }
    expect(cache.find('a', 3_600)).toBeUndefined();
    expect(cache.find('b', 3_600)).toBe('https://x/b');
  });
});

describe('a full cache', () => {
  it('lets go of the link that was used longest ago', () => {
    keep('a');
    keep('b');
    cache.find('a', 3_600);
    keep('c');
    expect(['a', 'b', 'c'].map(fileId => cache.find(fileId, 3_600) !== undefined)).toEqual([
      true,
      false,
      true,
    ]);
  });

  it('of no entries keeps nothing', () => {
    cache = new LinkCache(0, () => nowMs);
    keep('a');
    expect(cache.find('a', 3_600)).toBeUndefined();
  });
});

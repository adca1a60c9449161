import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { decodeDeleteFiles, decodeDownloadLinks } from '../../../lib/wechat/endpoints.js';
import { checkProperty } from '../../support/properties.js';

const PREFIX = 'cloud://prod.7072-prod-1';
const HOST = 'https://7072-prod-1.tcb.qcloud.la';
const A = `${PREFIX}/a.png`;
const B = `${PREFIX}/x/a.png`;
const C = `${PREFIX}/猫 1.png`;

type Item = Readonly<Record<string, unknown>> | string | null | number;

const pathOf = (fileId: string): string => fileId.slice(PREFIX.length + 1);
const linkOf = (fileId: string): string => `${HOST}/${encodeURI(pathOf(fileId))}?sign=0&t=1`;
const link = (fileId: string, more: object = {}): Item => ({
  fileid: fileId,
  download_url: linkOf(fileId),
  status: 0,
  ...more,
});
const nameless = (fileId: string): Item => ({ download_url: linkOf(fileId), status: 0 });

function linksOf(fileIds: readonly string[], items: readonly Item[]): unknown[] {
  return decodeDownloadLinks({ file_list: items }, fileIds).map(item => item?.url);
}
const deletionsOf = (fileIds: readonly string[], items: readonly Item[]): unknown[] =>
  decodeDeleteFiles({ delete_list: items }, fileIds).map(item => item?.status);

/** The results that are not the file's own link. */
const foreignIn = (found: readonly unknown[], fileIds: readonly string[]): unknown[] =>
  found.filter((url, index) => url !== undefined && url !== linkOf(fileIds[index] ?? ''));

describe('decodeDownloadLinks', () => {
  it.each<[string, readonly Item[]]>([
    ['in another order', [link(C), link(A), link(B)]],
    ['among others', [link(`${PREFIX}/z`), link(A), link(B), link(C), link(`${PREFIX}/y`)]],
    ['given twice', [link(A), link(A), link(B), link(C), link(C)]],
    ['beside what is no item', [null, 7, link(A), link(B), link(C)]],
    ['in the other spelling', [A, B, C].map(id => link(id, { fileid: undefined, file_id: id }))],
    ['percent-encoded', [A, B, C].map(id => link(id, { fileid: encodeURI(id) }))],
    ['encoded as a whole', [A, B, C].map(id => link(id, { fileid: encodeURIComponent(id) }))],
    ['without its bucket', [A, B, C].map(id => link(id, { fileid: `cloud://prod/${pathOf(id)}` }))],
    ['as a path', [A, B, C].map(id => link(id, { fileid: pathOf(id) }))],
    ['as a path with a slash', [A, B, C].map(id => link(id, { fileid: `/${pathOf(id)}` }))],
    ['without an ID', [nameless(A), nameless(B), nameless(C)]],
    ['partly without an ID', [link(A), nameless(B), link(C)]],
    ['with an empty ID', [A, B, C].map(id => link(id, { fileid: '' }))],
  ])('finds an item %s', (_, items) => {
    expect(linksOf([A, B, C], items)).toEqual([A, B, C].map(linkOf));
  });

  it('finds the composed form of a decomposed ID', () => {
    const asked = `${PREFIX}/cafe\u0301.png`;
    expect(linksOf([asked], [link(asked, { fileid: asked.normalize('NFC') })])).toEqual([
      linkOf(asked),
    ]);
  });

  it.each<[string, readonly Item[], readonly (string | undefined)[]]>([
    ['left out', [link(A), link(C)], [linkOf(A), undefined, linkOf(C)]],
    ['of another file', [link(A), link(`${PREFIX}/z`), link(C)], [linkOf(A), undefined, linkOf(C)]],
    [
      'of another bucket',
      [link(A), link(B, { fileid: 'cloud://prod.other/x/a.png' }), link(C)],
      [linkOf(A), undefined, linkOf(C)],
    ],
    ['of another environment', [link(A, { fileid: 'cloud://test.7072-prod-1/a.png' })], []],
    ['with a number for an ID', [link(A, { fileid: 7 }), link(B), link(C)], [undefined]],
    ['without an ID in a shorter list', [nameless(A), nameless(B)], []],
    ['without an ID in a longer list', [A, B, C, A].map(nameless), []],
    ['without an ID for the link of another', [nameless(B), nameless(A), nameless(C)], []],
    ['that is null', [link(A), null, link(C)], [linkOf(A), undefined, linkOf(C)]],
    ['that is a list', [], []],
  ])('finds no item that is %s', (_, items, expected) => {
    const found = linksOf([A, B, C], items);
    expect(found.slice(0, expected.length)).toEqual(expected);
    expect(foreignIn(found, [A, B, C])).toEqual([]);
    expect(found).toContain(undefined);
  });

  it('matches an item without ID and link by position while the order is intact', () => {
    const gone = { status: 1, errmsg: 'STORAGE_FILE_NONEXIST' };
    const statuses = (items: readonly Item[]): unknown[] =>
      decodeDownloadLinks({ file_list: items }, [A, B, C]).map(item => item?.status);
    expect(statuses([nameless(A), gone, nameless(C)])).toEqual([0, 1, 0]);
    expect(statuses([link(C), gone, link(A)])).toEqual([0, undefined, 0]);
  });

  it.each([
    ['raw', `${HOST}/猫 1.png?sign=0&t=1`],
    ['encoded', `${HOST}/%E7%8C%AB%201.png?sign=0&t=1`],
    ['without a signature', `${HOST}/猫 1.png`],
    ['behind the bucket', 'https://cos.ap-shanghai.myqcloud.com/7072-prod-1/猫%201.png?sign=0'],
  ])('matches an item without an ID by a link that is %s', (_, download_url) => {
    expect(linksOf([C], [{ download_url, status: 0 }])).toEqual([download_url]);
  });

  it.each(['a?b.png', 'a#b.png', 'a%20b.png', '100%.png', 'a%zz.png'])(
    'matches an item without an ID by its raw link: %s',
    path => {
      const download_url = `${HOST}/${path}?sign=0&t=1`;
      expect(linksOf([`${PREFIX}/${path}`], [{ download_url, status: 0 }])).toEqual([download_url]);
    },
  );

  it('does not match a link that merely ends alike', () => {
    expect(linksOf([A], [nameless(B)])).toEqual([undefined]);
  });
});

describe('decodeDeleteFiles', () => {
  it.each<[string, readonly Item[], readonly unknown[]]>([
    ['in another order', [{ fileid: B, status: 1 }, A], [0, 1]],
    ['left out', [{ fileid: B, status: 0 }], [undefined, 0]],
    ['without IDs', [{ status: 0 }, { status: 5 }], [0, 5]],
    ['without IDs and one too few', [{ status: 0 }], [undefined, undefined]],
    [
      'without an ID beside one elsewhere',
      [{ fileid: B, status: 0 }, { status: 0 }],
      [undefined, 0],
    ],
    ['plain and encoded', [encodeURIComponent(A), encodeURI(B)], [0, 0]],
    ['plain and of another file', [A, `${PREFIX}/z`], [0, undefined]],
  ])('reads an item %s', (_, items, expected) => {
    expect(deletionsOf([A, B], items)).toEqual(expected);
  });
});

describe('decodeDownloadLinks with any response', () => {
  const segment = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 6 }).filter(isSegment);
  const path = fc.array(segment, { minLength: 1, maxLength: 3 }).map(parts => parts.join('/'));
  const ids = fc.uniqueArray(path, {
    minLength: 1,
    maxLength: 8,
    selector: one => decodeAll(one).normalize('NFC').replace(/^\/+/, ''),
  });
  const spelling = fc.constantFrom<(id: string) => string | undefined>(
    id => id,
    encodeURI,
    encodeURIComponent,
    id => id.normalize('NFC'),
    id => id.normalize('NFD'),
    id => id.replace('.7072-prod-1/', '/'),
    () => undefined,
  );

  /** Items for some of the files and others, in any order, with IDs in any spelling. */
  const responses = fc
    .tuple(ids, fc.array(fc.tuple(fc.nat(11), spelling), { maxLength: 12 }))
    .map(([paths, picks]) => {
      const fileIds = paths.map(one => `${PREFIX}/${one}`);
      const all = [...fileIds, `${PREFIX}/not/asked/for-1`, `${PREFIX}/not/asked/for-2`];
      const chosen = picks.map(([index, spell]) => {
        const fileId = all[index % all.length] ?? '';
        return { fileId, said: spell(fileId) };
      });
      const items = chosen.map(({ fileId, said }) => link(fileId, { fileid: said }));
      const named = chosen.flatMap(({ said, fileId }) => (said === undefined ? [] : [fileId]));
      return { fileIds, items, named };
    });
  const notFound = (fileIds: readonly string[], found: readonly unknown[]): string[] =>
    fileIds.filter((_, index) => found[index] === undefined);

  it('returns each file its own link or none, and all links of fully named items', async () => {
    await checkProperty(
      fc.property(responses, ({ fileIds, items, named }) => {
        const found = linksOf(fileIds, items);
        expect(foreignIn(found, fileIds)).toEqual([]);
        expect(notFound(fileIds, found).filter(fileId => named.includes(fileId))).toEqual([]);
      }),
    );
  });

  function isSegment(text: string): boolean {
    return text.isWellFormed() && !/^\.{1,2}$|[/\p{C}]/u.test(text);
  }

  /** As far as this goes, a path is the same text. */
  function decodeAll(text: string): string {
    const decoded = text.replaceAll(/(?:%[\da-f]{2})+/gi, part => {
      try {
        return decodeURIComponent(part);
      } catch {
        return part;
      }
    });
    return decoded === text ? text : decodeAll(decoded);
  }
});

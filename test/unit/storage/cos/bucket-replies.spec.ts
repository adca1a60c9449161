import { describe, expect, it } from '@jest/globals';
import {
  decodeDeleteResult,
  decodeObjectPage,
  decodeResultEtag,
  decodeUnfinishedUploads,
  decodeUploadId,
} from '../../../../lib/storage/cos/bucket-replies.js';

const OBJECT =
  '<Contents><Key>a%20%E7%8C%AB</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;e&quot;</ETag><Size>3</Size></Contents>';

describe('decodeObjectPage', () => {
  it('decodes percent-encoded keys, prefixes and markers', () => {
    const page = decodeObjectPage(
      `<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated><NextMarker>b%2F</NextMarker>${OBJECT}<CommonPrefixes><Prefix>b%2F</Prefix></CommonPrefixes></ListBucketResult>`,
    );
    expect(page).toEqual({
      objects: [{ key: 'a 猫', size: 3, etag: 'e', lastModified: new Date(Date.UTC(2026, 0, 1)) }],
      prefixes: ['b/'],
      nextMarker: 'b/',
    });
  });

  it('keeps keys as they are without an encoding', () => {
    const page = decodeObjectPage(
      `<ListBucketResult><IsTruncated>false</IsTruncated>${OBJECT}</ListBucketResult>`,
    );
    expect(page?.objects[0]?.key).toBe('a%20%E7%8C%AB');
    expect(page?.nextMarker).toBeUndefined();
  });

  it('continues after the last name where there is no marker', () => {
    const page = decodeObjectPage(
      `<ListBucketResult><IsTruncated>true</IsTruncated>${OBJECT}<CommonPrefixes><Prefix>b/</Prefix></CommonPrefixes></ListBucketResult>`,
    );
    expect(page?.nextMarker).toBe('b/');
  });

  it.each([
    ['another document', '<Error><Code>AccessDenied</Code></Error>'],
    ['a page of a gateway', '<!doctype html><html></html>'],
    [
      'an object without a size',
      '<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>',
    ],
    [
      'a page without an end',
      '<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>',
    ],
  ])('refuses %s', (_, text) => {
    expect(decodeObjectPage(text)).toBeUndefined();
  });
});

describe('decodeUnfinishedUploads', () => {
  it('reads uploads and the start of the next page', () => {
    const text =
      '<ListMultipartUploadsResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated><NextKeyMarker>a%2Fb</NextKeyMarker><NextUploadIdMarker>7</NextUploadIdMarker><Upload><Key>a%2Fb</Key><UploadId>7</UploadId><Initiated>2026-01-01T00:00:00.000Z</Initiated></Upload></ListMultipartUploadsResult>';
    expect(decodeUnfinishedUploads(text)).toEqual({
      uploads: [{ key: 'a/b', uploadId: '7', initiated: new Date(Date.UTC(2026, 0, 1)) }],
      next: { keyMarker: 'a/b', uploadIdMarker: '7' },
    });
  });

  it('refuses an upload without an ID', () => {
    const text =
      '<ListMultipartUploadsResult><Upload><Key>a</Key></Upload></ListMultipartUploadsResult>';
    expect(decodeUnfinishedUploads(text)).toBeUndefined();
  });
});

describe('decodeDeleteResult', () => {
  it('tells deleted from failed keys', () => {
    const results = decodeDeleteResult(
      '<DeleteResult><Deleted><Key>a&amp;b</Key></Deleted><Error><Key>c</Key><Code>AccessDenied</Code><Message>no</Message></Error></DeleteResult>',
    );
    expect(results).toEqual(
      new Map([
        ['a&b', undefined],
        ['c', { code: 'AccessDenied', message: 'no' }],
      ]),
    );
  });
});

describe('decodeResultEtag', () => {
  it.each([
    [
      'the result behind white space',
      '  \n <CopyObjectResult><ETag>"a"</ETag></CopyObjectResult>',
      'a',
    ],
    ['an error', '<Error><Code>InternalError</Code></Error>', undefined],
    ['half a result', '<CopyObjectResult><ETag>"a"</ETag>', undefined],
    ['white space alone', '   ', undefined],
  ])('reads %s', (_, text, etag) => {
    expect(decodeResultEtag(text, 'CopyObjectResult')).toBe(etag);
  });
});

describe('decodeUploadId', () => {
  it('needs an ID', () => {
    const of = (id: string): string =>
      `<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`;
    expect([decodeUploadId(of('7')), decodeUploadId(of(''))]).toEqual(['7', undefined]);
  });
});

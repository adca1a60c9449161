import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { decodeCosError } from '../../../lib/storage/cos/cos-error.js';
import {
  CLASSIC_TOKEN_ENDPOINT,
  decodeAccessToken,
  decodeDeleteFiles,
  decodeDownloadLinks,
  decodeUploadLink,
  DELETE_FILES_ENDPOINT,
  DOWNLOAD_LINKS_ENDPOINT,
  saysFileIsMissing,
  STABLE_TOKEN_ENDPOINT,
  UPLOAD_LINK_ENDPOINT,
} from '../../../lib/wechat/endpoints.js';

interface Fixture {
  readonly request: { readonly method: string; readonly path: string };
  readonly reply: unknown;
}

function readText(name: string): string {
  return readFileSync(`test/fixtures/wire/${name}`, 'utf8');
}

function read(name: string): Fixture {
  return JSON.parse(readText(name)) as Fixture;
}

const FILE_ID = 'cloud://werun-id.8888-werun-id-1300000000/web/test.zip';
const MISSING_ID = 'cloud://werun-id.8888-werun-id-1300000000/web/none.zip';

describe('the documented samples', () => {
  it.each([
    ['token.json', 'GET', CLASSIC_TOKEN_ENDPOINT],
    ['stable-token.json', 'POST', STABLE_TOKEN_ENDPOINT],
    ['upload-link.json', 'POST', UPLOAD_LINK_ENDPOINT],
    ['download-links.json', 'POST', DOWNLOAD_LINKS_ENDPOINT],
    ['delete-files.json', 'POST', DELETE_FILES_ENDPOINT],
  ])('%s is a %s to %s', (name, method, path) => {
    expect(read(name).request).toMatchObject({ method, path });
  });

  it.each([
    ['token.json', CLASSIC_TOKEN_ENDPOINT],
    ['stable-token.json', STABLE_TOKEN_ENDPOINT],
  ])('%s holds a token', (name, endpoint) => {
    expect(decodeAccessToken(read(name).reply, endpoint)).toEqual({
      accessToken: 'FAKE_ACCESS_TOKEN',
      expiresInSeconds: 7_200,
    });
  });

  it('upload-link.json holds what a form needs', () => {
    expect(decodeUploadLink(read('upload-link.json').reply)).toMatchObject({
      url: 'https://cos.ap-shanghai.myqcloud.com/8888-werun-id-1300000000/web/test.zip',
      securityToken: 'FAKE_SECURITY_TOKEN',
      metaFileId: 'FAKE_COS_FILE_ID',
      fileId: FILE_ID,
    });
  });

  it('download-links.json holds a link', () => {
    const [item] = decodeDownloadLinks(read('download-links.json').reply, [FILE_ID]);
    expect(item).toMatchObject({ status: 0, errmsg: 'ok' });
    expect(item?.url).toMatch(
      /^https:\/\/8888-werun-id-1300000000\.tcb\.qcloud\.la\/web\/test\.zip/,
    );
  });

  it('download-links-missing.json says that the file is missing', () => {
    const items = decodeDownloadLinks(read('download-links-missing.json').reply, [MISSING_ID]);
    const missing = { status: 1, errmsg: 'STORAGE_FILE_NONEXIST', url: '' };
    expect(items).toEqual([missing]);
    expect(saysFileIsMissing(missing)).toBe(true);
  });

  it('delete-files.json says that the file is deleted', () => {
    expect(decodeDeleteFiles(read('delete-files.json').reply, [FILE_ID])).toEqual([
      { status: 0, errmsg: 'ok' },
    ]);
  });

  it('cos-error.xml is an error, post-object-201.xml is not', () => {
    expect(decodeCosError(readText('cos-error.xml'))).toEqual({
      code: 'AccessDenied',
      message: 'Request has expired',
      requestId: 'RkFLRV9SRVFVRVNUX0lE',
    });
    expect(decodeCosError(readText('post-object-201.xml'))).toBeUndefined();
  });
});

import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ADAPTERS } from '../support/adapters.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { storeWithField } from '../support/direct-upload.js';
import { ServingController } from '../e2e/http/support/serving-controller.js';

const PAGE = '<!doctype html><script>document.title = "ran"</script>';

/** As stored, and as a browser gets it in the page's own origin. */
const SHOWN: readonly (readonly [stored: string, served: string])[] = [
  ['image/png', 'image/png'],
  ['IMAGE/PNG', 'image/png'],
  ['image/jpeg; name="a b"', 'image/jpeg'],
  ['image/webp', 'image/webp'],
  ['image/vnd.microsoft.icon', 'image/vnd.microsoft.icon'],
  ['audio/mpeg', 'audio/mpeg'],
  ['video/mp4; codecs="avc1.42E01E"', 'video/mp4'],
  ['application/pdf', 'application/pdf'],
  ['text/plain', 'text/plain; charset=utf-8'],
  ['text/plain;charset=UTF-8', 'text/plain; charset=utf-8'],
  ['text/plain; charset="GBK"', 'text/plain; charset=gbk'],
  ['text/plain; charset=gb18030', 'text/plain; charset=gb18030'],
  ['text/plain; charset=Big5', 'text/plain; charset=big5'],
  ['text/plain; charset=utf-7', 'text/plain; charset=utf-8'],
  ['text/plain; charset=iso-2022-jp', 'text/plain; charset=utf-8'],
  ['text/plain; charset="gbk;"', 'text/plain; charset=utf-8'],
];

const SAVED: readonly (readonly [stored: string, served: string])[] = [
  ['image/png;,text/html', 'application/octet-stream'],
  ['image/png,text/html', 'application/octet-stream'],
  ['image/png, text/html', 'application/octet-stream'],
  ['image/png\t;,text/html', 'application/octet-stream'],
  ['text/plain; a=",text/html;"', 'application/octet-stream'],
  ['text/plain; charset=utf-8; charset=utf-7', 'application/octet-stream'],
  ['image/png text/html', 'application/octet-stream'],
  ['image', 'application/octet-stream'],
  ['*/*', 'application/octet-stream'],
  ['text/html', 'application/octet-stream'],
  ['TEXT/HTML; charset=utf-8', 'application/octet-stream'],
  ['application/xhtml+xml', 'application/octet-stream'],
  ['image/svg+xml', 'application/octet-stream'],
  ['IMAGE/SVG+XML', 'application/octet-stream'],
  ['image/x+xml', 'application/octet-stream'],
  ['video/mp4+xml', 'application/octet-stream'],
  ['audio/xml', 'application/octet-stream'],
  ['text/xml', 'application/octet-stream'],
  ['text/javascript', 'application/octet-stream'],
  ['application/x-javascript', 'application/octet-stream'],
  ['text/css', 'application/octet-stream'],
  ['multipart/x-mixed-replace', 'application/octet-stream'],
  ['message/rfc822', 'application/octet-stream'],
  ['application/json; charset=utf-8', 'application/json; charset=utf-8'],
  ['text/csv; charset=gbk', 'text/csv; charset=gbk'],
  ['text/csv; charset=utf-7', 'text/csv'],
  ['application/zip', 'application/zip'],
  ['image/x-own', 'image/x-own'],
];

describe.each(ADAPTERS)('the types of serve on $name', adapter => {
  let application: TestApplication;
  beforeAll(async () => {
    application = await startApplication({ adapter, controllers: [ServingController] });
  });
  beforeEach(() => application.emulator.reset());
  afterAll(() => application.close());

  const store = (contentType: string) =>
    storeWithField(application.storage, { body: PAGE, fields: { 'Content-Type': contentType } });

  async function get(path: string, fileId: string, options: object = {}) {
    const query = new URLSearchParams({ fileId, options: JSON.stringify(options) });
    const response = await fetch(`${application.url}/${path}?${query}`);
    const { 'content-type': type, 'content-disposition': disposition } = Object.fromEntries(
      response.headers,
    );
    return {
      status: response.status,
      type,
      disposition,
      sniffing: response.headers.get('x-content-type-options'),
      policy: response.headers.get('content-security-policy'),
      body: await response.text(),
    };
  }

  it.each(SHOWN)('show a file stored as %j as %j', async (stored, served) => {
    const { fileId } = await store(stored);
    const shown = { status: 200, type: served, disposition: 'inline', body: PAGE };
    expect(await get('serve', fileId)).toEqual({ ...shown, sniffing: 'nosniff', policy: null });
    expect(await get('streamable', fileId)).toMatchObject(shown);
  });

  it.each(SAVED)('download a file stored as %j as %j', async (stored, served) => {
    const { fileId } = await store(stored);
    const saved = { status: 200, type: served, disposition: 'attachment', body: PAGE };
    expect(await get('serve', fileId)).toEqual({
      ...saved,
      sniffing: 'nosniff',
      policy: expect.stringMatching(/^sandbox;/),
    });
    expect(await get('streamable', fileId)).toMatchObject(saved);
    expect(await get('streamable', fileId, { disposition: 'inline' })).toMatchObject(saved);
  });

  it.each([...SHOWN, ...SAVED])(
    'treat the option contentType %j alike',
    async (contentType, served) => {
      const { fileId } = await store('application/octet-stream');
      const options = { contentType };
      expect(await get('serve', fileId, options)).toMatchObject({ status: 200, type: served });
      expect(await get('streamable', fileId, options)).toMatchObject({ status: 200, type: served });
    },
  );

  it.each([
    ['text/html; charset=gbk', 'text/html; charset=gbk'],
    ['image/svg+xml', 'image/svg+xml'],
    ['application/json', 'application/json'],
    ['image/png;,text/html', 'application/octet-stream'],
  ])('show %s in a sandbox as %s when disposition is inline', async (stored, served) => {
    const { fileId } = await store(stored);
    expect(await get('serve', fileId, { disposition: 'inline' })).toMatchObject({
      type: served,
      disposition: 'inline',
      sniffing: 'nosniff',
      policy: expect.stringMatching(/^sandbox;/),
    });
  });
});

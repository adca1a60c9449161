import { afterEach, describe, expect, it } from '@jest/globals';
import { startWxCloudEmulator, type WxCloudEmulator } from '../../../lib/emulator/index.js';
import { fetchLink, fieldsOf, formOf, storeAndLink } from './support/cloud-client.js';
import { send } from './support/raw-http.js';

let emulator: WxCloudEmulator;
afterEach(() => emulator.close());

const SITE = 'https://www.example.com';

async function preflight(origin: string): Promise<Response> {
  const { url } = await fetchLink(emulator, 'a');
  return fetch(url, {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'x-requested-with',
    },
  });
}

describe('a preflight to the emulator', () => {
  it.each(['http://127.0.0.1:3000', 'http://localhost', 'http://[::1]:8080', 'https://127.1.2.3'])(
    'is allowed for a page on %s',
    async origin => {
      emulator = await startWxCloudEmulator();
      const { status, headers } = await preflight(origin);
      expect(status).toBe(200);
      expect(Object.fromEntries(headers)).toMatchObject({
        'access-control-allow-origin': origin,
        'access-control-allow-methods': expect.stringContaining('POST'),
        'access-control-allow-headers': 'x-requested-with',
        vary: 'Origin',
      });
    },
  );

  it.each([SITE, 'http://localhost.example.com', 'http://127.0.0.1.example.com', 'null', 'x'])(
    'is rejected for a page on %s',
    async origin => {
      emulator = await startWxCloudEmulator();
      const response = await preflight(origin);
      expect(response.status).toBe(403);
      expect(response.headers.get('access-control-allow-origin')).toBeNull();
      expect(await response.text()).toContain('<Code>AccessForbidden</Code>');
      expect(emulator.journal.at(-1)).toMatchObject({ operation: 'unknown', origin });
    },
  );

  it('follows allowedOrigins', async () => {
    emulator = await startWxCloudEmulator({ corsOrigins: [SITE] });
    const statuses = [await preflight(SITE), await preflight('http://127.0.0.1:3000')];
    expect(statuses.map(({ status }) => status)).toEqual([200, 403]);
  });
});

describe('the response of the emulator to a page', () => {
  it('can be read after a form, even a rejection', async () => {
    emulator = await startWxCloudEmulator({ corsOrigins: [SITE] });
    const link = await fetchLink(emulator, 'a');
    const body = new Uint8Array(formOf([...fieldsOf(link), ['file', 'content']]));
    const type = { 'content-type': 'multipart/form-data; boundary=b0undary' };
    const post = async (more: object) =>
      fetch(link.url, { method: 'POST', headers: { ...more, origin: SITE }, body });
    const responses = [await post(type), await post({})];
    expect(responses.map(({ status }) => status)).toEqual([204, 400]);
    expect(responses.map(({ headers }) => headers.get('access-control-allow-origin'))).toEqual([
      SITE,
      SITE,
    ]);
    expect(emulator.journal.at(-2)).toMatchObject({ operation: 'post-object', origin: SITE });
  });

  it('cannot be read by a page of another site', async () => {
    emulator = await startWxCloudEmulator({ corsOrigins: [] });
    const response = await fetch(await storeAndLink(emulator, 'a', 'x'), {
      headers: { origin: SITE },
    });
    expect(response.headers.get('access-control-allow-origin')).toBeNull();
  });

  it('exposes the ETag of a file', async () => {
    emulator = await startWxCloudEmulator({ corsOrigins: [SITE] });
    const response = await fetch(await storeAndLink(emulator, 'a', 'x'), {
      headers: { origin: SITE },
    });
    expect(response.headers.get('access-control-expose-headers')).toContain('ETag');
  });
});

it("the journal records a browser's request, even one without an origin", async () => {
  emulator = await startWxCloudEmulator({ corsOrigins: [SITE] });
  const url = await storeAndLink(emulator, 'a', 'x');
  await fetch(url, { headers: { origin: SITE } });
  await send(url, { headers: { 'sec-fetch-site': 'same-site', 'sec-fetch-dest': 'image' } });
  await fetch(url);

  const reads = emulator.journal.filter(({ operation }) => operation === 'get-object');
  expect(reads.map(({ origin, fromBrowser }) => ({ origin, fromBrowser }))).toEqual([
    { origin: SITE, fromBrowser: true },
    { fromBrowser: true },
    {},
  ]);
});

it('startWxCloudEmulator rejects allowedOrigins that are not a list of texts', async () => {
  emulator = await startWxCloudEmulator();
  await expect(startWxCloudEmulator({ corsOrigins: 'x' as never })).rejects.toThrow('corsOrigins');
});

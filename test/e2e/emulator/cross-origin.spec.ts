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

describe('a preflight', () => {
  it.each(['http://127.0.0.1:3000', 'http://localhost', 'http://[::1]:8080', 'https://127.1.2.3'])(
    'of a page on %s is allowed',
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
    'of a page on %s is refused',
    async origin => {
      emulator = await startWxCloudEmulator();
      const answer = await preflight(origin);
      expect(answer.status).toBe(403);
      expect(answer.headers.get('access-control-allow-origin')).toBeNull();
      expect(await answer.text()).toContain('<Code>AccessForbidden</Code>');
      expect(emulator.journal.at(-1)).toMatchObject({ operation: 'unknown', origin });
    },
  );

  it('is judged by the list where one is given', async () => {
    emulator = await startWxCloudEmulator({ corsOrigins: [SITE] });
    const statuses = [await preflight(SITE), await preflight('http://127.0.0.1:3000')];
    expect(statuses.map(({ status }) => status)).toEqual([200, 403]);
  });
});

describe('the answer to a page', () => {
  it('that posts a form can be read by it, a refusal as well', async () => {
    emulator = await startWxCloudEmulator({ corsOrigins: [SITE] });
    const link = await fetchLink(emulator, 'a');
    const body = new Uint8Array(formOf([...fieldsOf(link), ['file', 'content']]));
    const type = { 'content-type': 'multipart/form-data; boundary=b0undary' };
    const post = async (more: object) =>
      fetch(link.url, { method: 'POST', headers: { ...more, origin: SITE }, body });
    const answers = [await post(type), await post({})];
    expect(answers.map(({ status }) => status)).toEqual([204, 400]);
    expect(answers.map(({ headers }) => headers.get('access-control-allow-origin'))).toEqual([
      SITE,
      SITE,
    ]);
    expect(emulator.journal.at(-2)).toMatchObject({ operation: 'post-object', origin: SITE });
  });

  it('of another site cannot be read by it', async () => {
    emulator = await startWxCloudEmulator({ corsOrigins: [] });
    const answer = await fetch(await storeAndLink(emulator, 'a', 'x'), {
      headers: { origin: SITE },
    });
    expect(answer.headers.get('access-control-allow-origin')).toBeNull();
  });

  it('shows it the ETag of a file', async () => {
    emulator = await startWxCloudEmulator({ corsOrigins: [SITE] });
    const answer = await fetch(await storeAndLink(emulator, 'a', 'x'), {
      headers: { origin: SITE },
    });
    expect(answer.headers.get('access-control-expose-headers')).toContain('ETag');
  });
});

it('the journal tells what a browser sent, also where it names no origin', async () => {
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

it('an option that is no list of texts is refused by name', async () => {
  emulator = await startWxCloudEmulator();
  await expect(startWxCloudEmulator({ corsOrigins: 'x' as never })).rejects.toThrow('corsOrigins');
});

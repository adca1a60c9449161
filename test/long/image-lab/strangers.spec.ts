import { randomUUID } from 'node:crypto';
import { afterAll, describe, expect, it } from '@jest/globals';
import { cleanUpSamples, startSample } from '../../support/sample-process.js';
import { send } from '../../e2e/emulator/support/raw-http.js';
import { useLabServer } from '../../support/image-lab/lab-server.js';

const lab = useLabServer();
const portOf = (url: string): string => new URL(url).port;

afterAll(cleanUpSamples);

const ADDRESSES: readonly (readonly [string, string])[] = [
  ['GET', '/'],
  ['GET', '/assets/0123456789abcdef/scripts/app.js'],
  ['HEAD', '/favicon.ico'],
  ['GET', '/api/mode'],
  ['GET', '/api/images'],
  ['GET', `/api/progress/${randomUUID()}`],
  ['POST', '/api/direct-uploads'],
  ['DELETE', '/api/images?fileId=x'],
  ['OPTIONS', '/api/images'],
  ['GET', '/nowhere'],
];

async function statusesOf(headers: Record<string, string>): Promise<readonly number[]> {
  const responses = await Promise.all(
    ADDRESSES.map(([method, path]) => send(`${lab.url}${path}`, { method, headers })),
  );
  return responses.map(({ status }) => status);
}

const REFUSED = ADDRESSES.map(() => 403);

describe('the image lab', () => {
  it.each([
    'evil.example',
    'evil.example:{port}',
    '127.0.0.1.evil.example:{port}',
    'localhost.evil.example:{port}',
    'evil:{port}',
    '192.168.0.7:{port}',
    '127.0.0.1@evil.example:{port}',
    'xlocalhost:{port}',
    '[::2]:{port}',
  ])('rejects another host name: %s', async template => {
    const host = template.replace('{port}', portOf(lab.url));

    expect(await statusesOf({ host })).toEqual(REFUSED);
    expect(await statusesOf({ host, origin: `http://${host}` })).toEqual(REFUSED);
    expect(lab.emulator.journal).toEqual([]);
  });

  it.each(['http://evil.example', 'null', 'http://127.0.0.1:1', 'http://localhost', 'https://x'])(
    'rejects a page of %s',
    async origin => {
      expect(await statusesOf({ origin })).toEqual(REFUSED);
    },
  );

  it('repeats neither the host nor the site that it rejects', async () => {
    const marked = { host: 'evil.example', origin: 'http://evil.example' };
    const response = await send(`${lab.url}/api/mode`, { headers: marked });
    expect(JSON.parse(response.text)).toMatchObject({ statusCode: 403, error: 'Forbidden' });
    expect(response.text).not.toContain('evil');
    expect(response.headers['content-security-policy']).toMatch(/^default-src 'none'/);
  });

  it.each(['127.0.0.1', 'localhost', 'LOCALHOST', '[::1]'])('responds as %s', async name => {
    const host = `${name}:${portOf(lab.url)}`;
    const headers = { host, origin: `http://${host.toLowerCase()}` };
    expect((await send(`${lab.url}/api/mode`, { headers })).status).toBe(200);
    expect((await send(lab.url, { headers })).status).toBe(200);
  });

  it('responds under the configured names', async () => {
    const { url } = await startSample({ ALLOWED_HOSTS: 'lab.example, Other.Example' });
    const hosts = ['lab.example', `other.example:${portOf(url)}`, 'third.example'];
    const responses = await Promise.all(hosts.map(host => send(url, { headers: { host } })));
    expect(responses.map(({ status }) => status)).toEqual([200, 200, 403]);
  });

  it('allows links from another site to its page, but not to its API', async () => {
    const headers = { 'sec-fetch-site': 'cross-site' };
    const paths = ['/', '/api/images', '//api/images', '/API/images'];
    const responses = await Promise.all(paths.map(path => send(`${lab.url}${path}`, { headers })));
    expect(responses.map(({ status }) => status)).toEqual([200, 403, 403, 403]);
  });
});

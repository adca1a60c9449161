import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { startWxCloudEmulator, type WxCloudEmulator } from '../../../lib/emulator/index.js';
import { until } from '../../support/until.js';
import { fetchLink, fetchToken, fieldsOf, postForm, storeAndLink } from './support/cloud-client.js';
import { send } from './support/raw-http.js';

let emulator: WxCloudEmulator;
beforeEach(async () => {
  emulator = await startWxCloudEmulator({ allowedHosts: ['Cloud.Dev.Example'] });
});
afterEach(() => emulator.close());

const portOf = (url: string): string => new URL(url).port;

describe('a request with a foreign host name', () => {
  const foreign = [
    'evil.example',
    'evil.example:{port}',
    '127.0.0.1.evil.example:{port}',
    'localhost.evil.example',
    '192.168.0.7:{port}',
    '127.0.0.1@evil.example',
    'cloud.dev.example.evil.example',
    '[::2]:{port}',
    'xn--abc.example',
    '::1',
  ];

  it.each(foreign)('is rejected at every address without an effect: %s', async template => {
    const token = await fetchToken(emulator);
    const link = await fetchLink(emulator, 'a');
    const object = await storeAndLink(emulator, 'b', 'x');
    const env = JSON.stringify({ env: emulator.env, path: 'c' });
    const addresses: readonly (readonly [string, string, string?])[] = [
      ['POST', `${emulator.url}/tcb/uploadfile?access_token=${token}`, env],
      ['POST', `${emulator.sidecarUrl}/tcb/uploadfile`, env],
      ['GET', object],
      ['POST', link.url, 'x'],
      ['OPTIONS', link.url],
      ['GET', `${emulator.url}/`],
    ];
    for (const [method, url, body = ''] of addresses) {
      const host = template.replace('{port}', portOf(url));
      const response = await send(url, {
        method,
        body,
        headers: { host, origin: `http://${host}` },
      });
      expect([url, response.status]).toEqual([url, 403]);
      expect(response.text).toMatch(
        /^The emulator was called by an unknown host name\. .+ allowedHosts\.\n$/,
      );
      expect(response.headers['access-control-allow-origin']).toBeUndefined();
    }
    expect(emulator.journal.slice(-6).map(({ operation }) => operation)).toEqual(
      Array.from({ length: 6 }, () => 'unknown'),
    );
  });

  it.each([
    'localhost',
    'LOCALHOST:1',
    'a.localhost:{port}',
    '127.0.0.1',
    '127.9.9.9:{port}',
    '[::1]:{port}',
    'emulator:{port}',
    'cloud.dev.example',
    'CLOUD.dev.example:80',
  ])('is accepted for an own name: %s', async template => {
    const host = template.replace('{port}', portOf(emulator.url));
    const { appid, secret } = emulator.options;
    const query = new URLSearchParams({ grant_type: 'client_credential', appid, secret });
    const response = await send(`${emulator.url}/cgi-bin/token?${query}`, { headers: { host } });
    expect(JSON.parse(response.text)).toMatchObject({ expires_in: 7_200 });
  });

  it('is rejected at startup with an invalid allowedHosts', async () => {
    const start = startWxCloudEmulator({ allowedHosts: [7] as never });
    await expect(start).rejects.toThrow(/allowedHosts/);
  });
});

describe('a page of another web site', () => {
  const evil = { origin: 'https://evil.example', 'content-type': 'text/plain' };

  it('cannot delete files through the sidecar', async () => {
    await storeAndLink(emulator, 'a', 'x');
    const [object] = emulator.objects;
    const body = JSON.stringify({ env: emulator.env, fileid_list: [object?.fileId] });
    const url = `${emulator.sidecarUrl}/tcb/batchdeletefile`;
    for (const origin of ['https://evil.example', 'null', 'http://localhost.evil.example']) {
      const response = await send(url, { method: 'POST', body, headers: { ...evil, origin } });
      expect([response.status, response.text]).toEqual([
        403,
        expect.stringContaining('corsOrigins'),
      ]);
    }
    expect(emulator.objects).toHaveLength(1);
  });

  it('gets no token', async () => {
    const { appid, secret } = emulator.options;
    const body = JSON.stringify({ grant_type: 'client_credential', appid, secret });
    const url = `${emulator.url}/cgi-bin/stable_token`;
    expect((await send(url, { method: 'POST', body, headers: evil })).status).toBe(403);
  });

  it('may post a signed form, as the storage checks the signature', async () => {
    const link = await fetchLink(emulator, 'a');
    const response = await postForm(link.url, [...fieldsOf(link), ['file', 'x']]);
    expect(response.status).toBe(204);
  });
});

describe('an API body that is too large', () => {
  it('is rejected as unreadable', async () => {
    const body = Buffer.alloc(8_000_000, ' ');
    const response = await send(`${emulator.url}/cgi-bin/stable_token`, { method: 'POST', body });
    expect(JSON.parse(response.text)).toMatchObject({ errcode: 47_001 });
  });

  it.each(['/cgi-bin/stable_token', '/tcb/uploadfile', '/nowhere'])(
    'is not read to its end at %s',
    async path => {
      const { hostname, port } = new URL(emulator.url);
      const head = `POST ${path} HTTP/1.1\r\nHost: ${hostname}\r\nContent-Length: 9000000000\r\n\r\n`;
      const endless = Readable.from(
        (function* () {
          yield Buffer.from(head);
          for (;;) yield Buffer.alloc(65_536, ' ');
        })(),
      );
      const socket = connect({ host: hostname, port: Number(port) });
      socket.resume();
      await expect(pipeline(endless, socket)).rejects.toThrow(/EPIPE|ECONNRESET|Premature/);
      await until(() => emulator.journal.some(entry => entry.path === path));
      expect(emulator.journal.at(-1)?.requestBytes).toBeLessThan(17_000_000);
    },
  );
});

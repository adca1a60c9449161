import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startWxCloudEmulator, type WxCloudEmulator } from '../../../lib/emulator/index.js';
import { SIDECAR_CERTIFICATE } from '../../../lib/emulator/server/http-servers.js';
import { until } from '../../support/until.js';
import { fetchToken, fieldsOf, type Link, postForm } from './support/cloud-client.js';
import { outcomeOf, type RawResponse, send } from './support/raw-http.js';

const OWN_APPID = 'wx0000000000000001';
const CLIENT_APPID = 'wx0000000000000002';
const SEQUENCE_ID = /^[\da-f]{24}$/;

let emulator: WxCloudEmulator;
beforeEach(async () => {
  emulator = await startWxCloudEmulator({ appid: OWN_APPID });
});
afterEach(() => emulator.close());

interface LinkCall {
  readonly query?: string;
  readonly base?: string;
  readonly ca?: string;
}

/** Requests an upload link, by default from the sidecar. */
function askLink({
  query = '',
  base = emulator.sidecarUrl,
  ca,
}: LinkCall = {}): Promise<RawResponse> {
  const body = JSON.stringify({ env: emulator.env, path: 'a' });
  return send(`${base}/tcb/uploadfile${query}`, { method: 'POST', body, ...(ca && { ca }) });
}

const readJson = ({ text }: RawResponse): unknown => JSON.parse(text);
const seqidOf = ({ headers }: RawResponse): unknown => headers['x-openapi-seqid'];

describe('the sidecar', () => {
  it('has addresses of its own on the loopback interface', () => {
    const { url, sidecarUrl, sidecarTlsUrl } = emulator;
    expect(sidecarUrl).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(sidecarTlsUrl).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    expect(new Set([url, sidecarUrl, sidecarTlsUrl].map(at => new URL(at).port)).size).toBe(3);
  });

  it('handles file calls without a token and adds a new header to each', async () => {
    const responses = [await askLink(), await askLink()];
    expect(responses.map(readJson)).toEqual(
      responses.map(() => expect.objectContaining({ errcode: 0, url: expect.any(String) })),
    );
    expect(responses.map(seqidOf)).toEqual(responses.map(() => expect.stringMatching(SEQUENCE_ID)));
    expect(new Set(responses.map(seqidOf)).size).toBe(2);
  });

  it('returns links to the object storage, which needs no sidecar', async () => {
    const link = readJson(await askLink()) as Link;
    expect(new URL(link.url).origin).toBe(emulator.url);
    await postForm(link.url, [...fieldsOf(link), ['file', 'content']]);
    expect(await emulator.readObject('a')).toEqual(Buffer.from('content'));
  });

  it.each([
    ['batchdownloadfile', { file_list: [{ fileid: 'cloud://x.y/a', max_age: 60 }] }],
    ['batchdeletefile', { fileid_list: ['cloud://x.y/a'] }],
  ])('serves %s', async (name, request) => {
    const body = JSON.stringify({ env: emulator.env, ...request });
    const response = await send(`${emulator.sidecarUrl}/tcb/${name}`, { method: 'POST', body });
    expect(readJson(response)).toMatchObject({ errcode: 0 });
    expect(seqidOf(response)).toMatch(SEQUENCE_ID);
  });

  it.each(['/cgi-bin/token', '/cgi-bin/stable_token', '/tcb/unheard', '/download/b-1300000000/a'])(
    'rejects %s as a path that is not on the list',
    async path => {
      const response = await send(emulator.sidecarUrl + path, { method: 'POST', body: '{}' });
      expect(response).toMatchObject({ status: 502, text: '' });
      expect(seqidOf(response)).toBeUndefined();
      expect(emulator.journal).toMatchObject([{ operation: 'unknown', via: 'sidecar', path }]);
    },
  );

  it('marks its requests in the journal, and no others', async () => {
    await askLink();
    await askLink({ base: emulator.url });
    const [passed, direct] = emulator.journal;
    expect(passed).toMatchObject({ operation: 'upload-link', via: 'sidecar', status: 200 });
    expect(direct).toMatchObject({ operation: 'upload-link', errcode: 41001 });
    expect(direct).not.toHaveProperty('via');
  });

  it('adds its header to rejections and faults, too', async () => {
    const refusal = await askLink({ query: '?access_token=unheard' });
    emulator.faults.add({ operation: 'upload-link', effect: { kind: 'empty', status: 503 } });
    const fault = await askLink();
    expect(fault.status).toBe(503);
    expect([refusal, fault].map(seqidOf)).toEqual([
      expect.stringMatching(SEQUENCE_ID),
      expect.stringMatching(SEQUENCE_ID),
    ]);
  });

  it('adds no header to requests that bypass it', async () => {
    expect(seqidOf(await askLink({ base: emulator.url }))).toBeUndefined();
  });
});

describe("a caller's token at the sidecar", () => {
  it('is used while it is valid', async () => {
    const query = `?access_token=${await fetchToken(emulator)}`;
    expect(readJson(await askLink({ query }))).toMatchObject({ errcode: 0 });
  });

  it('is rejected when it is expired', async () => {
    const query = `?access_token=${await fetchToken(emulator)}`;
    emulator.expireTokens();
    expect(readJson(await askLink({ query }))).toMatchObject({ errcode: 42001 });
  });

  it('is missing when its parameter is empty', async () => {
    expect(readJson(await askLink({ query: '?access_token=' }))).toMatchObject({ errcode: 41001 });
  });
});

describe('from_appid at the sidecar', () => {
  const unauthorized = { errcode: 48001, errmsg: expect.stringMatching(/^api unauthorized rid: /) };

  it('may be the own AppID', async () => {
    const query = `?from_appid=${OWN_APPID}`;
    expect(readJson(await askLink({ query }))).toMatchObject({ errcode: 0 });
  });

  it.each([CLIENT_APPID, ''])(
    'is rejected as "%s" when the environment is not shared',
    async id => {
      expect(readJson(await askLink({ query: `?from_appid=${id}` }))).toEqual(unauthorized);
    },
  );

  it('is required in a shared environment, and has to be one of its AppIDs', async () => {
    const shared = await startWxCloudEmulator({ appid: OWN_APPID, reuseAppids: [CLIENT_APPID] });
    const askWith = (query: string): Promise<RawResponse> =>
      askLink({ query, base: shared.sidecarUrl });
    const responses = [
      await askWith(`?from_appid=${CLIENT_APPID}`),
      await askWith(`?from_appid=${OWN_APPID}`),
      await askWith('?from_appid=wx0000000000000003'),
      await askWith(''),
    ];
    await shared.close();
    expect(responses.map(readJson)).toEqual([
      expect.objectContaining({ errcode: 0 }),
      expect.objectContaining({ errcode: 0 }),
      unauthorized,
      unauthorized,
    ]);
  });
});

describe('the sidecar over https', () => {
  it('shows an untrusted certificate', async () => {
    expect(await outcomeOf(askLink({ base: emulator.sidecarTlsUrl }))).toBe(
      'DEPTH_ZERO_SELF_SIGNED_CERT',
    );
    expect(emulator.journal).toEqual([]);
  });

  it('is the same service for a client that trusts it', async () => {
    const response = await askLink({ base: emulator.sidecarTlsUrl, ca: SIDECAR_CERTIFICATE });
    expect(readJson(response)).toMatchObject({ errcode: 0 });
    expect(seqidOf(response)).toMatch(SEQUENCE_ID);
    expect(emulator.journal).toMatchObject([{ operation: 'upload-link', via: 'sidecar' }]);
  });

  it('resets its connections with a reset fault', async () => {
    emulator.faults.add({ operation: 'upload-link', effect: { kind: 'reset', at: 'request' } });
    const call = askLink({ base: emulator.sidecarTlsUrl, ca: SIDECAR_CERTIFICATE });
    expect(await outcomeOf(call)).toBe('ECONNRESET');
    expect(emulator.journal).toMatchObject([{ fault: 'reset', status: 0, aborted: true }]);
  });
});

describe('the life of the sidecar', () => {
  const portOf = (url: string): number => Number(new URL(url).port);
  const idleAt = async (url: string): Promise<{ readonly ends: Promise<unknown> }> => {
    const socket = connect(portOf(url), '127.0.0.1');
    const ends = once(socket, 'close');
    await once(socket, 'connect');
    return { ends };
  };

  it('ends with the emulator, with idle and half-open connections', async () => {
    const { sidecarUrl, sidecarTlsUrl } = emulator;
    const idle = [await idleAt(sidecarUrl), await idleAt(sidecarTlsUrl)];
    await until(async () => (await emulator.openConnections()) === 2);
    await emulator.close();
    await Promise.all(idle.map(({ ends }) => ends));
    expect(await emulator.openConnections()).toBe(0);
    const server = createServer();
    await once(server.listen(portOf(sidecarUrl), '127.0.0.1'), 'listening');
    server.close();
    expect(server.address()).toBeNull();
  });

  it('has its requests aborted by a reset', async () => {
    emulator.faults.add({ operation: 'upload-link', effect: { kind: 'hang', at: 'request' } });
    const hanging = outcomeOf(askLink());
    await until(async () => (await emulator.openConnections()) === 1);
    // A connection may be open before its request has arrived; one with a response came after it.
    await send(`${emulator.sidecarUrl}/nothing`);
    await emulator.reset();
    expect(await hanging).toBe('ECONNRESET');
    expect(emulator.journal).toEqual([]);
  });
});

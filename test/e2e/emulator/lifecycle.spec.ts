import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { once } from 'node:events';
import { inspect } from 'node:util';
import {
  startWxCloudEmulator,
  type WxCloudEmulatorJournalEntry,
  type WxCloudEmulator,
  type WxCloudEmulatorOptions,
} from '../../../lib/emulator/index.js';
import { until } from '../../support/until.js';
import {
  callApi,
  deleteFiles,
  fetchDownloadItem,
  fetchLink,
  fetchToken,
  fieldsOf,
  postForm,
  store,
  storeAndLink,
} from './support/cloud-client.js';
import { outcomeOf, readCosError, send } from './support/raw-http.js';

let emulator: WxCloudEmulator;
beforeEach(async () => {
  emulator = await startWxCloudEmulator();
});
afterEach(() => emulator.close());

describe('startWxCloudEmulator', () => {
  it('uses defaults', () => {
    expect(emulator.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(emulator.options).toEqual({
      env: 'emulator-1a2b3c',
      appid: expect.stringMatching(/^wx[\da-f]{16}$/),
      secret: expect.stringMatching(/^[\da-f]{32}$/),
      apiBaseUrl: emulator.url,
    });
    expect(emulator.bucket).toBe('656d-emulator-1a2b3c-1300000000');
    expect([emulator.journal, emulator.objects]).toEqual([[], []]);
  });

  it('accepts every option, and undefined for the default', async () => {
    const own = await startWxCloudEmulator({
      appid: 'wx1234567890abcdef',
      secret: 'not-a-secret',
      env: 'prod-1',
      bucket: '8888-prod-1-1300000001',
      tokenTtlSeconds: 60,
      latencyMs: undefined as never,
    });
    expect(own.options).toMatchObject({ env: 'prod-1', appid: 'wx1234567890abcdef' });
    const link = await fetchLink(own, 'a');
    await own.close();
    expect(link.file_id).toBe('cloud://prod-1.8888-prod-1-1300000001/a');
  });

  it.each<[string, unknown]>([
    ['port', -1],
    ['port', 65_536],
    ['port', '3001'],
    ['dataDir', ''],
    ['appid', 7],
    ['secret', '  '],
    ['env', 'a.b'],
    ['env', ''],
    ['bucket', '../x'],
    ['tokenTtlSeconds', 0],
    ['tokenTtlSeconds', 7201],
    ['latencyMs', -1],
    ['latencyMs', Number.NaN],
    ['reuseAppids', 'wx1111111111111111'],
    ['reuseAppids', ['wx1111111111111111', '']],
    ['onRequest', 'log'],
    ['host', '0.0.0.0'],
  ])('rejects the option %s when it is %j', async (option, value) => {
    const options = { [option]: value } as WxCloudEmulatorOptions;
    const start = startWxCloudEmulator(options);
    await expect(start).rejects.toThrow(TypeError);
    await expect(start).rejects.toThrow(
      new RegExp(`^startWxCloudEmulator: .*\\b${option}\\b.*\\.$`),
    );
  });

  it('rejects options that are not an object', async () => {
    await expect(startWxCloudEmulator(3 as never)).rejects.toThrow('must be an object');
  });

  it('rejects a port that is in use, in one line', async () => {
    const port = Number(new URL(emulator.url).port);
    await expect(startWxCloudEmulator({ port })).rejects.toThrow(
      `startWxCloudEmulator: port ${port} of 127.0.0.1 is in use. Choose another one, or omit the option to use a free port.`,
    );
  });

  it('issues tokens with tokenLifeSeconds', async () => {
    const own = await startWxCloudEmulator({ tokenTtlSeconds: 60 });
    const { appid, secret } = own.options;
    const query = new URLSearchParams({ grant_type: 'client_credential', appid, secret });
    const { text } = await send(`${own.url}/cgi-bin/token?${query}`);
    await own.close();
    expect(JSON.parse(text)).toMatchObject({ expires_in: 60 });
  });

  it('calls onRequest with the journal entry of each finished request', async () => {
    const told: WxCloudEmulatorJournalEntry[] = [];
    const own = await startWxCloudEmulator({ latencyMs: 60, onRequest: entry => told.push(entry) });
    await fetchToken(own);
    await send(`${own.url}/nowhere?secret=x`);
    await own.close();
    expect(told).toEqual(own.journal);
    expect(told).toMatchObject([
      { operation: 'stable-token', status: 200, durationMs: expect.any(Number) },
      { operation: 'unknown', method: 'GET', path: '/nowhere', status: 404 },
    ]);
    expect(Math.min(...told.map(({ durationMs }) => durationMs))).toBeGreaterThanOrEqual(55);
  });

  it('responds when onRequest throws, and warns', async () => {
    const own = await startWxCloudEmulator({
      onRequest: () => {
        throw new Error('no room for the log');
      },
    });
    const warn = jest.spyOn(process, 'emitWarning').mockReturnValue();
    const { status } = await send(own.url);
    await own.close();
    const calls = [...warn.mock.calls];
    warn.mockRestore();
    expect(status).toBe(404);
    expect(calls).toEqual([
      [expect.stringMatching(/onRequest threw: Error: no room for the log$/)],
    ]);
  });

  it('delays every response by the latency', async () => {
    const own = await startWxCloudEmulator({ latencyMs: 60 });
    const startMs = performance.now();
    await send(own.url);
    const tookMs = performance.now() - startMs;
    await own.close();
    expect(tookMs).toBeGreaterThanOrEqual(55);
  });
});

describe('WxCloudEmulator.close', () => {
  it('frees the port, and can be called again', async () => {
    const port = Number(new URL(emulator.url).port);
    await Promise.all([emulator.close(), emulator.close()]);
    await emulator.close();
    const server = createServer();
    await once(server.listen(port, '127.0.0.1'), 'listening');
    server.close();
    expect(server.address()).toBeNull();
  });

  it('ends hanging requests and idle connections', async () => {
    emulator.faults.add({ operation: 'stable-token', effect: { kind: 'hang', at: 'answer' } });
    const idle = connect(Number(new URL(emulator.url).port), '127.0.0.1');
    const idleEnds = once(idle, 'close');
    const hanging = outcomeOf(fetchToken(emulator));
    await until(async () => (await emulator.openConnections()) === 2);
    await emulator.close();
    expect(await hanging).toBe('ECONNRESET');
    await idleEnds;
    expect(await emulator.openConnections()).toBe(0);
  });
});

describe('WxCloudEmulator.reset', () => {
  it('restores the initial state', async () => {
    const token = await fetchToken(emulator);
    const link = await fetchLink(emulator, 'a');
    const url = await storeAndLink(emulator, 'a', 'content');
    emulator.faults.add({ operation: '*', effect: { kind: 'empty' }, times: Infinity });
    await emulator.reset();
    expect([emulator.objects, emulator.journal]).toEqual([[], []]);
    expect(await callApi(emulator, '/tcb/uploadfile', { path: 'a', token })).toMatchObject({
      errcode: 40014,
    });
    const upload = await postForm(link.url, [...fieldsOf(link), ['file', 'x']]);
    expect(readCosError(upload).code).toBe('InvalidAccessKeyId');
    expect((await send(url)).status).toBe(403);
    expect(await store(emulator, 'a', 'content')).toBe(link.file_id);
  });

  it('aborts pending requests, which do not appear in the journal', async () => {
    emulator.faults.add({ operation: 'stable-token', effect: { kind: 'hang', at: 'request' } });
    const hanging = outcomeOf(fetchToken(emulator));
    await until(async () => (await emulator.openConnections()) === 1);
    // A connection may be open before its request has arrived; one with a response came after it.
    await send(`${emulator.url}/nothing`);
    await emulator.reset();
    expect(await hanging).toBe('ECONNRESET');
    expect(emulator.journal).toEqual([]);
  });
});

describe('WxCloudEmulator.journal', () => {
  it('has an entry for each request, in order', async () => {
    const link = await fetchLink(emulator, '图 a.png');
    await postForm(link.url, [...fieldsOf(link), ['file', 'content']]);
    const { download_url: url } = await fetchDownloadItem(emulator, link.file_id);
    await send(String(url));
    await send(String(url), { method: 'HEAD' });
    await deleteFiles(emulator, [link.file_id]);
    const operations = emulator.journal.map(({ operation }) => operation);
    expect(operations.filter(operation => operation !== 'stable-token')).toEqual([
      'upload-link',
      'post-object',
      'download-links',
      'get-object',
      'head-object',
      'delete-files',
    ]);
    expect(emulator.journal.find(({ operation }) => operation === 'get-object')).toEqual({
      operation: 'get-object',
      method: 'GET',
      path: `/download/${emulator.bucket}/%E5%9B%BE%20a.png`,
      cloudPaths: ['图 a.png'],
      status: 200,
      requestBytes: 0,
      responseBytes: 7,
      durationMs: expect.any(Number),
    });
  });

  it('names the objects of a request', async () => {
    const fileId = await store(emulator, '图 a/b.png', 'content');
    const url = String((await fetchDownloadItem(emulator, fileId))['download_url']);
    await send(url);
    await send(`${url.split('?')[0]}?sign=wrong`, { method: 'HEAD' });
    const others = [`${fileId}2`, fileId, 'cloud://other.b-1/c', 'nothing'];
    await deleteFiles(emulator, [fileId, ...others]);

    const about = emulator.journal.filter(entry => entry.cloudPaths !== undefined);
    expect(about.map(({ operation, cloudPaths }) => [operation, cloudPaths])).toEqual([
      ['upload-link', ['图 a/b.png']],
      ['post-object', ['图 a/b.png']],
      ['download-links', ['图 a/b.png']],
      ['get-object', ['图 a/b.png']],
      ['head-object', ['图 a/b.png']],
      ['delete-files', ['图 a/b.png', '图 a/b.png2']],
    ]);
    expect(about.every(entry => Object.isFrozen(entry.cloudPaths))).toBe(true);
  });

  it('names no object for a request without one of this environment, or an unreadable one', async () => {
    await callApi(emulator, '/tcb/uploadfile', { path: '/a' });
    await callApi(emulator, '/tcb/uploadfile', { path: 'a', token: 'wrong' });
    await deleteFiles(emulator, ['cloud://other.b-1/c']);
    await send(`${emulator.url}/download/other-1300000000/a`);
    await send(`${emulator.url}/download/${emulator.bucket}/%ff`);
    await send(`${emulator.url}/download/${emulator.bucket}/${'a'.repeat(851)}`);
    emulator.faults.add({ operation: 'upload-link', effect: { kind: 'errcode', errcode: -1 } });
    await callApi(emulator, '/tcb/uploadfile', { path: 'a' });

    const asked = emulator.journal.filter(({ operation }) => operation !== 'stable-token');
    expect(asked).toHaveLength(7);
    expect(asked.filter(entry => 'cloudPaths' in entry)).toEqual([]);
  });
});

describe('util.inspect', () => {
  it('shows no token, signature or key, in the emulator or its journal', async () => {
    const token = await fetchToken(emulator);
    const link = await fetchLink(emulator, 'a');
    await postForm(link.url, [...fieldsOf(link), ['file', 'content']]);
    const { download_url: url } = await fetchDownloadItem(emulator, link.file_id);
    await send(String(url));
    await send(`${emulator.url}/cgi-bin/token?secret=${emulator.options.secret}`);
    const shown = inspect(emulator, { depth: Infinity, showHidden: true, getters: true });
    const sign = String(new URL(String(url)).searchParams.get('sign'));
    const secrets = [token, link.token, link.authorization, link.cos_file_id, sign];
    expect(Math.min(...secrets.map(secret => secret.length))).toBeGreaterThan(30);
    expect(secrets.filter(secret => shown.includes(secret))).toEqual([]);
    expect(shown.split(emulator.options.secret)).toHaveLength(2);
    expect(shown).not.toMatch(/[?&]\w+=/);
  });
});

describe('WxCloudEmulator.readObject', () => {
  it('rejects for an object that does not exist', async () => {
    await expect(emulator.readObject('none')).rejects.toThrow('The emulator has no object "none".');
  });
});

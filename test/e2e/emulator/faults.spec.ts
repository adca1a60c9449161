import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import {
  startWxCloudEmulator,
  type WxCloudEmulatorFault,
  type WxCloudEmulatorFaultEffect,
  type WxCloudEmulator,
} from '../../../lib/emulator/index.js';
import { until } from '../../support/until.js';
import {
  callApi,
  deleteFiles,
  fetchDownloadItem,
  fetchLink,
  fetchToken,
  fieldsOf,
  formHeaders,
  formOf,
  postForm,
  store,
  storeAndLink,
} from './support/cloud-client.js';
import { outcomeOf, readCosError, send, type RawResponse } from './support/raw-http.js';

let emulator: WxCloudEmulator;
beforeEach(async () => {
  emulator = await startWxCloudEmulator();
});
afterEach(() => emulator.close());

/** One request for each operation; each resolves with the whole response. */
const REQUESTS = {
  token: async () => {
    const { appid, secret } = emulator.options;
    const query = new URLSearchParams({ grant_type: 'client_credential', appid, secret });
    return () => send(`${emulator.url}/cgi-bin/token?${query}`);
  },
  'stable-token': async () => {
    const { appid, secret } = emulator.options;
    const body = JSON.stringify({ grant_type: 'client_credential', appid, secret });
    return () => send(`${emulator.url}/cgi-bin/stable_token`, { method: 'POST', body });
  },
  'upload-link': () => prepareApi('/tcb/uploadfile', { path: 'a' }),
  'download-links': async () => {
    const fileid = await store(emulator, 'a', 'content');
    return prepareApi('/tcb/batchdownloadfile', { file_list: [{ fileid, max_age: 60 }] });
  },
  'delete-files': async () => {
    const fileid = await store(emulator, 'a', 'content');
    return prepareApi('/tcb/batchdeletefile', { fileid_list: [fileid] });
  },
  'post-object': async () => {
    const link = await fetchLink(emulator, 'b');
    return () => postForm(link.url, [...fieldsOf(link), ['file', 'content']]);
  },
  'get-object': async () => {
    const url = await storeAndLink(emulator, 'a', 'content');
    return () => send(url);
  },
  'head-object': async () => {
    const url = await storeAndLink(emulator, 'a', 'content');
    return () => send(url, { method: 'HEAD' });
  },
} satisfies Record<string, () => Promise<() => Promise<RawResponse>>>;

type Operation = keyof typeof REQUESTS;
const OPERATIONS = Object.keys(REQUESTS) as Operation[];
const JSON_OPERATIONS = OPERATIONS.filter(operation => !operation.endsWith('-object'));
const OBJECT_OPERATIONS = OPERATIONS.filter(operation => operation.endsWith('-object'));

async function prepareApi(path: string, body: object): Promise<() => Promise<RawResponse>> {
  const address = `${emulator.url}${path}?access_token=${await fetchToken(emulator)}`;
  const text = JSON.stringify({ env: emulator.env, ...body });
  return () => send(address, { method: 'POST', body: text });
}

/** Prepares a request, adds a fault for it, and sends it. */
async function requestWith(
  operation: Operation,
  effect: WxCloudEmulatorFaultEffect,
): Promise<RawResponse> {
  const request = await REQUESTS[operation]();
  emulator.faults.add({ operation, effect });
  return request();
}

const pathsOf = (): readonly string[] => emulator.objects.map(({ cloudPath }) => cloudPath);

describe.each(OPERATIONS)('%s', operation => {
  it('returns the status and body of a fault, and then works again', async () => {
    const request = await REQUESTS[operation]();
    emulator.faults.add({
      operation,
      effect: { kind: 'status', status: 502, body: 'Bad Gateway' },
    });
    const response = await request();
    expect(response.status).toBe(502);
    expect(['Bad Gateway', '']).toContain(response.text);
    expect(emulator.journal.at(-1)).toMatchObject({ operation, status: 502, fault: 'status' });
    expect((await request()).status).toBeLessThan(300);
    expect(emulator.journal.at(-1)).not.toHaveProperty('fault');
  });

  it('returns an empty 500, or another status', async () => {
    const request = await REQUESTS[operation]();
    emulator.faults.add({ operation, effect: { kind: 'empty' } });
    emulator.faults.add({ operation, effect: { kind: 'empty', status: 204 } });
    expect(await request()).toMatchObject({ status: 500, text: '' });
    expect(await request()).toMatchObject({ status: 204, text: '' });
  });

  it('returns 200 with a body that is not JSON', async () => {
    const response = await requestWith(operation, { kind: 'malformed-json' });
    expect(response.status).toBe(200);
    expect(() => JSON.parse(response.text)).toThrow(SyntaxError);
  });

  it.each(['request', 'answer'] as const)('resets the connection at the %s', async at => {
    await expect(requestWith(operation, { kind: 'reset', at })).rejects.toMatchObject({
      code: 'ECONNRESET',
    });
    expect(emulator.journal.at(-1)).toMatchObject({
      operation,
      status: 0,
      fault: 'reset',
      aborted: true,
      responseBytes: 0,
    });
  });

  it.each(['request', 'answer'] as const)('hangs at the %s until the emulator closes', async at => {
    const request = await REQUESTS[operation]();
    emulator.faults.add({ operation, effect: { kind: 'hang', at } });
    const requestsBefore = emulator.journal.length;
    const outcome = outcomeOf(request());
    await until(async () => (await emulator.openConnections()) > 0);
    // The emulator has seen this request before it responds to a later one.
    await fetch(`${emulator.url}/later`);
    expect(emulator.journal).toHaveLength(requestsBefore + 1);
    await emulator.close();
    expect(await outcome).toBe('ECONNRESET');
    expect(emulator.journal.at(-1)).toMatchObject({ operation, fault: 'hang', aborted: true });
  });

  it('responds later', async () => {
    const startMs = performance.now();
    const response = await requestWith(operation, { kind: 'delay', delayMs: 60 });
    expect(response.status).toBeLessThan(300);
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(55);
    expect(emulator.journal.at(-1)).toMatchObject({ fault: 'delay' });
  });
});

describe.each(JSON_OPERATIONS)('%s', operation => {
  it('returns the errcode of a fault with HTTP 200', async () => {
    const response = await requestWith(operation, {
      kind: 'errcode',
      errcode: 45009,
      errmsg: 'quota',
    });
    expect(response.status).toBe(200);
    expect(JSON.parse(response.text)).toEqual({
      errcode: 45009,
      errmsg: expect.stringMatching(/^quota rid: /),
    });
    expect(emulator.journal.at(-1)).toMatchObject({ errcode: 45009, fault: 'errcode' });
  });
});

describe.each(OBJECT_OPERATIONS)('%s', operation => {
  it.each([
    [{ cosCode: 'SlowDown' }, 503],
    [{ cosCode: 'RequestTimeout' }, 400],
    [{ cosCode: 'AccessDenied' }, 403],
    [{ cosCode: 'Whatever', status: 418 }, 418],
  ])("returns the storage's error %j", async (error, expected) => {
    const { cosCode } = error;
    const effect = { kind: 'cos-error', message: 'a < b', ...error } as const;
    const response = await requestWith(operation, effect);
    expect(response.status).toBe(expected);
    expect([cosCode, undefined]).toContain(readCosError(response).code);
    expect(emulator.journal.at(-1)).toMatchObject({ cosCode, fault: 'cos-error' });
  });
});

describe('a fault of post-object', () => {
  it.each<[WxCloudEmulatorFaultEffect, readonly string[]]>([
    [{ kind: 'status', status: 200 }, []],
    [{ kind: 'empty' }, []],
    [{ kind: 'malformed-json' }, []],
    [{ kind: 'cos-error', cosCode: 'SlowDown' }, []],
    [{ kind: 'delay', delayMs: 1 }, ['b']],
  ])('with %j stores %j', async (effect, paths) => {
    await requestWith('post-object', effect);
    expect(pathsOf()).toEqual(paths);
  });

  it.each<[WxCloudEmulatorFaultEffect, readonly string[]]>([
    [{ kind: 'reset', at: 'request' }, []],
    [{ kind: 'reset', at: 'request', afterBytes: 200 }, []],
    [{ kind: 'reset', at: 'request', afterBytes: 999_999 }, []],
    [{ kind: 'reset', at: 'answer' }, ['b']],
  ])('stores, cut off by %j, %j', async (effect, paths) => {
    await expect(requestWith('post-object', effect)).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(pathsOf()).toEqual(paths);
  });

  it('resets after afterBytes of the request', async () => {
    const link = await fetchLink(emulator, 'b');
    const effect = { kind: 'reset', at: 'request', afterBytes: 100_000 } as const;
    emulator.faults.add({ operation: 'post-object', effect });
    const upload = postForm(link.url, [...fieldsOf(link), ['file', randomBytes(20_000_000)]]);
    await expect(upload).rejects.toMatchObject({ code: expect.stringMatching(/ECONNRESET|EPIPE/) });
    const requestBytes = emulator.journal.at(-1)?.requestBytes;
    expect(requestBytes).toBeGreaterThanOrEqual(100_000);
    expect(requestBytes).toBeLessThan(1_000_000);
    expect(emulator.objects).toEqual([]);
  });
});

describe('a fault of get-object', () => {
  it('resets after afterBytes of the response', async () => {
    const url = await storeAndLink(emulator, 'a', randomBytes(5_000_000));
    const effect = { kind: 'reset', at: 'answer', afterBytes: 100_000 } as const;
    emulator.faults.add({ operation: 'get-object', effect });
    await expect(send(url)).rejects.toMatchObject({ code: 'ECONNRESET', receivedBytes: 100_000 });
    expect(emulator.journal.at(-1)).toMatchObject({
      status: 200,
      responseBytes: 100_000,
      aborted: true,
    });
  });
});

describe('a hang fault', () => {
  it.each([
    ['request', []],
    ['answer', ['b']],
  ] as const)('at the %s has stored %j once the client aborts', async (at, paths) => {
    const link = await fetchLink(emulator, 'b');
    const form = formOf([...fieldsOf(link), ['file', 'content']]);
    emulator.faults.add({ operation: 'post-object', effect: { kind: 'hang', at } });
    const client = new AbortController();
    const init = { method: 'POST', headers: formHeaders(form), body: form, signal: client.signal };
    let requests = 0;
    const onRequest = (): void => void (requests += 1);
    subscribe('http.server.request.start', onRequest);
    const response = send(link.url, init);
    await until(() => requests + pathsOf().length === 1 + paths.length, 'the request');
    client.abort();
    await expect(response).rejects.toMatchObject({ name: 'AbortError' });
    unsubscribe('http.server.request.start', onRequest);
    await until(() => emulator.journal.some(({ operation }) => operation === 'post-object'));
    expect(emulator.journal.at(-1)).toMatchObject({ status: 0, fault: 'hang', aborted: true });
    expect(pathsOf()).toEqual(paths);
  });
});

describe('a fault with items', () => {
  const effect = { kind: 'item', status: -503002, errmsg: 'no permission' } as const;

  it('fails all links of a batch', async () => {
    const fileid = await store(emulator, 'a', 'content');
    emulator.faults.add({ operation: 'download-links', effect });
    expect(await fetchDownloadItem(emulator, fileid)).toEqual({
      fileid,
      download_url: '',
      status: -503002,
      errmsg: 'no permission',
    });
  });

  it('fails one deletion of a batch without carrying it out', async () => {
    const fileIds = [await store(emulator, 'a', 'x'), await store(emulator, 'b', 'x')];
    emulator.faults.add({ operation: '*', effect: { ...effect, index: 1 } });
    expect(await deleteFiles(emulator, fileIds)).toMatchObject([
      { status: 0 },
      { status: -503002 },
    ]);
    expect(pathsOf()).toEqual(['b']);
  });
});

describe('emulator.faults', () => {
  const errcode = (code: number): WxCloudEmulatorFaultEffect => ({
    kind: 'errcode',
    errcode: code,
  });
  const codes = async (count: number): Promise<unknown[]> => {
    const responses: unknown[] = [];
    const token = await fetchToken(emulator);
    for (let time = 0; time < count; time += 1) {
      const response = await callApi(emulator, '/tcb/uploadfile', { path: 'a', token });
      responses.push(response['errcode']);
    }
    return responses;
  };

  it('skip requests first and then apply the given number of times', async () => {
    emulator.faults.add({ operation: 'upload-link', effect: errcode(-1), after: 1, times: 2 });
    expect(await codes(5)).toEqual([0, -1, -1, 0, 0]);
  });

  it('may apply to all requests until they are removed', async () => {
    const fault = emulator.faults.add({
      operation: 'upload-link',
      effect: errcode(-1),
      times: Infinity,
    });
    expect(await codes(3)).toEqual([-1, -1, -1]);
    fault.remove();
    fault.remove();
    expect(await codes(1)).toEqual([0]);
  });

  it('apply in the order in which they were added', async () => {
    emulator.faults.add({ operation: 'upload-link', effect: errcode(-1) });
    emulator.faults.add({ operation: 'upload-link', effect: errcode(45011), times: 2 });
    expect(await codes(4)).toEqual([-1, 45011, 45011, 0]);
  });

  it('apply to no other operation', async () => {
    emulator.faults.add({ operation: 'delete-files', effect: errcode(-1), times: Infinity });
    expect(await codes(2)).toEqual([0, 0]);
  });

  it('of any operation apply where they fit', async () => {
    const link = await fetchLink(emulator, 'a');
    emulator.faults.add({ operation: '*', effect: errcode(-1), times: Infinity });
    expect((await postForm(link.url, [...fieldsOf(link), ['file', 'x']])).status).toBe(204);
    expect(await callApi(emulator, '/tcb/uploadfile', { path: 'a', token: 'x' })).toMatchObject({
      errcode: -1,
    });
  });

  it('can all be removed', async () => {
    emulator.faults.add({ operation: '*', effect: errcode(-1), times: Infinity });
    emulator.faults.clear();
    expect(await codes(1)).toEqual([0]);
  });

  it.each([
    [undefined, /fault must be an object/],
    [{ operation: 'upload', effect: { kind: 'empty' } }, /operation must be one of \*, token/],
    [{ operation: '*' }, /effect\.kind must be one of/],
    [{ operation: '*', effect: { kind: 'explode' } }, /effect\.kind must be one of errcode/],
    [{ operation: '*', effect: { kind: 'toString' } }, /effect\.kind/],
    [{ operation: '*', effect: { kind: 'empty' }, after: -1 }, /after must be/],
    [{ operation: '*', effect: { kind: 'empty' }, after: 0.5 }, /after must be/],
    [{ operation: '*', effect: { kind: 'empty' }, times: 0 }, /times must be/],
    [{ operation: '*', effect: { kind: 'empty' }, times: -1 }, /times must be/],
    [{ operation: '*', effect: { kind: 'empty' }, count: 1 }, /no member count/],
    [{ operation: '*', effect: { kind: 'empty', status: 99 } }, /status must be/],
    [{ operation: '*', effect: { kind: 'status' } }, /status must be/],
    [{ operation: '*', effect: { kind: 'status', status: 200, body: 1 } }, /body must be/],
    [{ operation: '*', effect: { kind: 'errcode', errcode: 0 } }, /errcode must be/],
    [{ operation: '*', effect: { kind: 'cos-error', cosCode: '' } }, /cosCode must be/],
    [{ operation: '*', effect: { kind: 'reset' } }, /at must be/],
    [
      { operation: '*', effect: { kind: 'reset', at: 'answer', afterBytes: -1 } },
      /afterBytes must be/,
    ],
    [{ operation: '*', effect: { kind: 'hang', at: 'end' } }, /at must be/],
    [{ operation: '*', effect: { kind: 'delay', delayMs: -1 } }, /delayMs must be/],
    [{ operation: '*', effect: { kind: 'delay', ms: 1 } }, /no member ms/],
    [{ operation: '*', effect: { kind: 'item', status: 1 } }, /errmsg must be/],
    [
      { operation: '*', effect: { kind: 'item', status: 1, errmsg: '', index: -1 } },
      /index must be/,
    ],
    [
      { operation: 'post-object', effect: { kind: 'errcode', errcode: 1 } },
      /'errcode' applies to token/,
    ],
    [{ operation: 'token', effect: { kind: 'cos-error', cosCode: 'A' } }, /applies to post-object/],
    [
      { operation: 'upload-link', effect: { kind: 'item', status: 1, errmsg: '' } },
      /applies to download-links/,
    ],
  ])('reject %j', (fault, message) => {
    const add = (): unknown => emulator.faults.add(fault as WxCloudEmulatorFault);
    expect(add).toThrow(TypeError);
    expect(add).toThrow(message);
  });
});

describe('a fault of the content of get-object', () => {
  const content = Buffer.from('0123456789');

  it('sends a trickling body slowly and completely', async () => {
    const url = await storeAndLink(emulator, 'a', content);
    emulator.faults.add({
      operation: 'get-object',
      effect: { kind: 'trickle', bytesPerSecond: 100 },
    });
    const startMs = performance.now();
    const response = await send(url);
    expect(response.body.equals(content)).toBe(true);
    expect(performance.now() - startMs).toBeGreaterThan(80);
  });

  it('sends a wrong ETag on GET and HEAD', async () => {
    const url = await storeAndLink(emulator, 'a', content);
    const right = (await send(url)).headers['etag'];
    emulator.faults.add({ operation: '*', effect: { kind: 'wrong-etag' }, times: 2 });
    const responses = [await send(url), await send(url, { method: 'HEAD' }), await send(url)];
    const wrong = '"0123456789abcdef0123456789abcdef"';
    expect(responses.map(({ headers }) => headers['etag'])).toEqual([wrong, wrong, right]);
  });

  it('returns the whole object for a range', async () => {
    const url = await storeAndLink(emulator, 'a', content);
    emulator.faults.add({ operation: 'get-object', effect: { kind: 'ignore-range' } });
    const headers = { range: 'bytes=2-3' };
    const responses = [await send(url, { headers }), await send(url, { headers })];
    expect(responses.map(({ status, body }) => [status, body.toString()])).toEqual([
      [200, '0123456789'],
      [206, '23'],
    ]);
  });
});

import { describe, expect, it } from '@jest/globals';
import { Secret } from '../../../../lib/options/resolved-options.js';
import { BucketRequests } from '../../../../lib/storage/cos/bucket-requests.js';
import { ServerClock } from '../../../../lib/storage/cos/server-clock.js';
import { type KeyTime, signRequest } from '../../../../lib/storage/cos/signature.js';
import {
  NEVER,
  onlyOf,
  openTransport,
  readRequest,
  type SeenRequest,
  serve,
} from '../../support/server.js';

const KEYS = { secretId: 'id', secretKey: new Secret('key'), token: undefined };

/** Sends one request for the key `猫 +.txt` to an address with a path. */
async function sendTo(path: string): Promise<SeenRequest> {
  const requests: SeenRequest[] = [];
  const url = await serve(async (request, response) => {
    requests.push(await readRequest(request));
    response.end();
  });
  const sender = new BucketRequests({
    transport: openTransport(),
    address: new URL(`${url}${path}`),
    credentials: {
      get: async () => ({ keys: KEYS, expiresAtMs: Infinity }),
      confirm: () => {},
      drop: () => false,
      close: () => {},
    },
    clock: new ServerClock(),
  });
  const call = { endpoint: 'HEAD object', method: 'HEAD', key: '猫 +.txt', lane: 'api' } as const;
  await sender.send({ ...call, signal: NEVER });
  return onlyOf(requests);
}

/** Reads the time that a request was signed for. */
function timeOf(authorization: string): KeyTime {
  const [, start, end] = /q-sign-time=(\d+);(\d+)/.exec(authorization) as RegExpExecArray;
  return { start: Number(start), end: Number(end) };
}

describe('the address of a gateway', () => {
  it.each([
    ['', '', ''],
    ['/', '', ''],
    ['/storage/', '/storage', '/storage'],
    ['/a%20b', '/a%20b', '/a b'],
    ['/tenants/a+b@c:d', '/tenants/a+b@c:d', '/tenants/a+b@c:d'],
    ['/one%2Fsegment', '/one%2Fsegment', '/one/segment'],
  ])('%j is sent as given, and signed decoded', async (path, sent, signed) => {
    const { url, headers } = await sendTo(path);
    expect(url).toBe(`${sent}/%E7%8C%AB%20%2B.txt`);
    const request = { method: 'HEAD', path: `${signed}/猫 +.txt`, query: {} };
    const { authorization } = headers;
    const toSign = { ...request, headers: { host: String(headers.host) } };
    expect(authorization).toBe(signRequest(toSign, KEYS, timeOf(String(authorization))));
  });
});

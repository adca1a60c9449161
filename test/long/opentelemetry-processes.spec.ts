import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { Attributes } from '@opentelemetry/api';
import { describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { startWxCloudEmulator, type WxCloudEmulator } from '../../lib/emulator/index.js';
import { ADAPTERS, type Adapter } from '../support/adapters.js';
import { afterThisTest } from '../support/after-test.js';
import { askForToken } from '../support/ask-for-token.js';
import { describeWithRedis } from '../support/describe-with.js';
import { PNG, postForm } from '../support/forms.js';
import { startRedisServer } from '../support/redis-server.js';
import { until } from '../support/until.js';

/** A span of another process. */
interface ForeignSpan {
  readonly name: string;
  readonly attributes: Attributes;
  readonly spanId: string;
  readonly parentId?: string;
}

/** An application in a process of its own. */
interface TracedApplication {
  readonly url: string;
  /** All spans that have ended. */
  readSpans(): Promise<readonly ForeignSpan[]>;
}

async function startTracedApplication(
  adapter: Adapter['name'],
  { options }: WxCloudEmulator,
  redis?: { readonly url: string; readonly client: string },
): Promise<TracedApplication> {
  const program = 'test/support/programs/traced-application.mjs';
  const child = fork(program, [JSON.stringify({ adapter, options, redis })], { execArgv: [] });
  const ended = new AbortController();
  const exit = once(child, 'exit').then(() => ended.abort(new Error('the application has ended')));
  afterThisTest(async () => {
    child.kill();
    await exit;
  });
  const hear = async <T>(): Promise<T> => {
    const [message] = (await once(child, 'message', { signal: ended.signal })) as [T];
    return message;
  };
  const { url } = await hear<{ url: string }>();
  const readSpans = () => {
    const spans = hear<readonly ForeignSpan[]>();
    child.send('spans');
    return spans;
  };
  return { url, readSpans };
}

describe.each(ADAPTERS)('the spans of an application on $name', ({ name }) => {
  it('are those of its server with ours below, and show no secret', async () => {
    const emulator = await startWxCloudEmulator();
    afterThisTest(() => emulator.close());
    const { url, readSpans } = await startTracedApplication(name, emulator);
    const { status, body } = await postForm(`${url}/photos`, [{ field: 'photo', file: PNG }]);
    expect(status).toBe(201);
    const read = await fetch(`${url}/photos?fileId=${encodeURIComponent(String(body['fileId']))}`);
    const link = new URL(((await read.json()) as { url: string }).url);
    const token = await askForToken(emulator);
    // A span of the server may end a little after its response.
    let spans: readonly ForeignSpan[] = [];
    await until(async () => {
      spans = await readSpans();
      return spans.filter(({ parentId }) => parentId === undefined).length === 2;
    }, 'the spans of both requests');
    const pathOf = ({ name: own, parentId }: ForeignSpan): string =>
      [...spans.filter(({ spanId }) => spanId === parentId).map(pathOf), own].join(' > ');
    expect(spans.map(pathOf).toSorted()).toEqual([
      'GET',
      'GET > wx-cloud-storage download',
      'GET > wx-cloud-storage download > GET object',
      'GET > wx-cloud-storage download > POST /tcb/batchdownloadfile',
      'GET > wx-cloud-storage links',
      'GET > wx-cloud-storage links > POST /tcb/batchdownloadfile',
      'POST',
      'POST > wx-cloud-storage upload',
      'POST > wx-cloud-storage upload > POST /tcb/uploadfile',
      'POST > wx-cloud-storage upload > POST object',
      'POST > wx-cloud-storage upload > wx-cloud-storage token',
      'POST > wx-cloud-storage upload > wx-cloud-storage token > POST /cgi-bin/stable_token',
    ]);
    const shown = JSON.stringify(spans);
    const secrets = [emulator.options.secret, token, link.search];
    expect(secrets.filter(secret => shown.includes(secret))).toEqual([]);
    expect(secrets.map(({ length }) => length > 8)).toEqual([true, true, true]);
  });
});

describeWithRedis.each(['redis', 'redis-5', 'ioredis'])('the spans of %s', client => {
  it('are made of our stores, and show no secret', async () => {
    const server = await startRedisServer();
    afterThisTest(() => server.close());
    const emulator = await startWxCloudEmulator();
    afterThisTest(() => emulator.close());
    const redis = { url: server.url, client };
    const { url, readSpans } = await startTracedApplication('express', emulator, redis);
    const { status } = await postForm(`${url}/photos`, [{ field: 'photo', file: PNG }]);
    expect(status).toBe(201);
    const token = await askForToken(emulator);
    const shown = JSON.stringify(await readSpans());
    expect(shown).toMatch(/"db\.(statement|query\.text)":"(eval|EVAL) /);
    // The file that is recorded as pending, as an argument.
    expect(shown).toContain(`cloud://${emulator.env}`);
    const secrets = [emulator.options.secret, token];
    expect(secrets.filter(secret => shown.includes(secret))).toEqual([]);
    const stored = new Redis(server.url);
    afterThisTest(async () => stored.disconnect());
    const [key = ''] = await stored.keys('*:token');
    // The token had to be written, so its span is what is left out.
    await expect(stored.get(key)).resolves.toContain(token);
  });
});

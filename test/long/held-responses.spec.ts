import { describe, expect, it } from '@jest/globals';
import { ADAPTERS } from '../support/adapters.js';
import { until } from '../support/until.js';
import { BRIDGES, type Bridge } from '../e2e/http/support/bridges.js';
import {
  FORM,
  held,
  open,
  testSuccesses,
  useApplication,
} from '../e2e/http/support/held-responses.js';
import { CHUNKS, seen } from '../e2e/http/support/responding-controllers.js';

const SUCCESSES = [
  'returned',
  'replied',
  'file',
  'sent',
  'written',
  'piped',
  'generated',
  'flushed',
];
/** Each behind our interceptor, and behind Nest's own. */
const ROUTES = ['ours', 'engine'].flatMap(prefix => SUCCESSES.map(name => `${prefix}/${name}`));

describe.each(ADAPTERS)('a success on $name', adapter => {
  useApplication(adapter);

  testSuccesses(ROUTES);

  it('is sent whole, with what it was written of', async () => {
    const written = open('engine/written');
    await held.ledger.asked;
    held.ledger.answer();

    const response = await written.response;
    expect(response).toContain('x-own: of the handler');
    expect(response).toMatch(/one,\r\n.*\r\ntwo|one,two/);
    expect(seen).toEqual(['ERR_HTTP_HEADERS_SENT', 'ERR_HTTP_HEADERS_SENT', true, false, true]);
  });

  it.each(['engine/piped', 'engine/file', 'engine/generated'])(
    'is sent whole after waiting: %s',
    async path => {
      const request = fetch(`${held.application.url}/${path}`, {
        method: 'POST',
        headers: { 'content-type': 'multipart/form-data; boundary=boundary' },
        body: new Uint8Array(FORM),
      });
      await held.ledger.asked;
      held.ledger.answer();
      expect(await (await request).text()).toBe(CHUNKS.join(''));
    },
  );
});

const OTHERS = BRIDGES.filter(({ name }) => ['inject() of Fastify', 'HTTP/2'].includes(name));

describe.each(OTHERS)('through $name', ({ adapter, send }) => {
  useApplication(adapter);

  const post = (path: string): ReturnType<Bridge['send']> =>
    send(held.application, {
      method: 'POST',
      path: `/${path}`,
      headers: { 'content-type': 'multipart/form-data; boundary=boundary' },
      body: FORM,
    });

  it.each([
    ['ours/returned', '{"stored":true}'],
    ['engine/sent', '{"stored":true}'],
    ['engine/piped', CHUNKS.join('')],
    ['engine/generated', CHUNKS.join('')],
    ['engine/file', CHUNKS.join('')],
  ])('a success is sent once its files are settled: %s', async (path, body) => {
    const response = post(path);
    await held.ledger.asked;
    held.ledger.answer();
    expect(await response).toMatchObject({ body });
    expect(held.application.emulator.objects).toHaveLength(1);
  });

  it.each(['ours/returned', 'engine/sent', 'engine/piped', 'engine/file', 'engine/generated'])(
    'a success becomes a 503 when its files are lost: %s',
    async path => {
      const response = post(path);
      await held.ledger.asked;
      held.ledger.answer(true);
      const { status, body } = await response;
      expect(status).toBe(503);
      expect(JSON.parse(body)).toMatchObject({ errorCode: 'WX_CLOUD_PENDING_LOST' });
      await until(() => held.application.emulator.objects.length === 0, 'an empty storage');
    },
  );
});

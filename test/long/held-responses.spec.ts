import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ADAPTERS, type Adapter } from '../support/adapters.js';
import { PNG } from '../support/forms.js';
import { until } from '../support/until.js';
import { BRIDGES, type Bridge } from '../e2e/http/support/bridges.js';
import {
  startEdgeApplication,
  type EdgeApplication,
} from '../e2e/http/support/edge-application.js';
import { encodeForm, openRequest, type RawRequest } from '../e2e/http/support/raw-request.js';
import { useRecordedLedger, type RecordedLedger } from '../e2e/http/support/recorded-ledger.js';
import { CHUNKS, respondingControllers, seen } from '../e2e/http/support/responding-controllers.js';

const FORM = encodeForm([{ field: 'photo', content: PNG, fileName: 'a.png' }]);

let application: EdgeApplication;
let ledger: RecordedLedger;

/** Starts the application of a group of tests; each of them has a ledger of its own. */
function useApplication(adapter: Adapter): void {
  beforeAll(async () => {
    const controllers = respondingControllers(adapter);
    application = await startEdgeApplication({ adapter, controllers });
  });
  beforeEach(() => {
    seen.length = 0;
    ledger = useRecordedLedger(application);
  });
  afterEach(() => application.emulator.reset());
  afterAll(() => application.close());
}

/** Sends a form; notes the first byte of the response among the events of the ledger. */
function open(path: string): RawRequest {
  const request = openRequest(application.url, { path: `/${path}`, length: FORM.byteLength });
  const { events } = ledger;
  request.socket.once('data', () => events.push('first byte'));
  request.send(FORM);
  return request;
}

/** Time for the application to do what it does not have to wait for. */
const roundTrip = async (): Promise<unknown> => (await fetch(`${application.url}/alive`)).text();

const SUCCESSES = ['returned', 'replied', 'file', 'sent', 'written', 'piped', 'flushed'];
/** Each behind our interceptor, and behind Nest's own. */
const ROUTES = ['ours', 'engine'].flatMap(prefix => SUCCESSES.map(name => `${prefix}/${name}`));

describe.each(ADAPTERS)('a success on $name', adapter => {
  useApplication(adapter);

  it.each(ROUTES)('is sent once its files are settled: %s', async path => {
    const request = open(path);
    await ledger.asked;
    await roundTrip();
    ledger.answer();

    expect(await request.response).toMatch(/^HTTP\/1.1 20[01]/);
    expect(ledger.events.at(-1)).toBe('first byte');
    expect(ledger.events).toContain('settled');
    expect(application.emulator.objects.length).toBeGreaterThan(0);
  });

  it.each(ROUTES)('becomes a 503 when its files are lost: %s', async path => {
    const request = open(path);
    await ledger.asked;
    ledger.answer(true);

    const response = await request.response;
    expect(response).toMatch(/^HTTP\/1.1 503 /);
    expect(response).toContain('"errorCode":"WX_CLOUD_PENDING_LOST"');
    expect(response).not.toContain('x-own');
    expect(ledger.events.slice(0, 2)).toEqual(['settled', 'orphaned']);
    await until(() => application.emulator.objects.length === 0, 'an empty storage');
  });

  it.each(ROUTES)('leaves nothing when its client has left: %s', async path => {
    const request = open(path);
    await ledger.asked;
    request.leave();
    await until(() => ledger.events.includes('orphaned'), 'the roll-back');
    ledger.answer();

    await until(() => application.emulator.objects.length === 0, 'an empty storage');
    expect(ledger.events).not.toContain('first byte');
  });

  it('is sent whole, with what it was written of', async () => {
    const written = open('engine/written');
    await ledger.asked;
    ledger.answer();

    const response = await written.response;
    expect(response).toContain('x-own: of the handler');
    expect(response).toMatch(/one,\r\n.*\r\ntwo|one,two/);
    expect(seen).toEqual(['ERR_HTTP_HEADERS_SENT', 'ERR_HTTP_HEADERS_SENT', true, false, true]);
  });

  it.each(['engine/piped', 'engine/file'])('is sent whole after waiting: %s', async path => {
    const request = fetch(`${application.url}/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'multipart/form-data; boundary=boundary' },
      body: new Uint8Array(FORM),
    });
    await ledger.asked;
    ledger.answer();
    expect(await (await request).text()).toBe(CHUNKS.join(''));
  });
});

const OTHERS = BRIDGES.filter(({ name }) => ['inject() of Fastify', 'HTTP/2'].includes(name));

describe.each(OTHERS)('through $name', ({ adapter, send }) => {
  useApplication(adapter);

  const post = (path: string): ReturnType<Bridge['send']> =>
    send(application, {
      method: 'POST',
      path: `/${path}`,
      headers: { 'content-type': 'multipart/form-data; boundary=boundary' },
      body: FORM,
    });

  it.each([
    ['ours/returned', '{"stored":true}'],
    ['engine/sent', '{"stored":true}'],
    ['engine/piped', CHUNKS.join('')],
    ['engine/file', CHUNKS.join('')],
  ])('a success is sent once its files are settled: %s', async (path, body) => {
    const response = post(path);
    await ledger.asked;
    ledger.answer();
    expect(await response).toMatchObject({ body });
    expect(application.emulator.objects).toHaveLength(1);
  });

  it.each(['ours/returned', 'engine/sent', 'engine/piped', 'engine/file'])(
    'a success becomes a 503 when its files are lost: %s',
    async path => {
      const response = post(path);
      await ledger.asked;
      ledger.answer(true);
      const { status, body } = await response;
      expect(status).toBe(503);
      expect(JSON.parse(body)).toMatchObject({ errorCode: 'WX_CLOUD_PENDING_LOST' });
      await until(() => application.emulator.objects.length === 0, 'an empty storage');
    },
  );
});

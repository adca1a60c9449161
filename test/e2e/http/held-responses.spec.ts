import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ADAPTERS, type Adapter } from '../../support/adapters.js';
import { PNG } from '../../support/forms.js';
import { until } from '../../support/until.js';
import { startEdgeApplication, type EdgeApplication } from './support/edge-application.js';
import { encodeForm, openRequest, type RawRequest } from './support/raw-request.js';
import { useRecordedLedger, type RecordedLedger } from './support/recorded-ledger.js';
import { respondingControllers, seen } from './support/responding-controllers.js';

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

/** A value of a handler, and a response that a handler sends; test/long has more. */
const ROUTES = ['ours/returned', 'engine/written'];

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

  it.each(['ours', 'engine'])('stays one when its handler throws later: %s', async prefix => {
    const request = open(`${prefix}/responds-and-throws`);
    await ledger.asked;
    await roundTrip();
    ledger.answer();

    expect(await request.response).toMatch(/^HTTP\/1.1 201 /);
    expect(ledger.events).toEqual(['settled', 'first byte']);
    expect(application.emulator.objects).toHaveLength(1);
  });

  it.each(['ours/writes-and-throws', 'engine/bad-header'])('becomes a 500: %s', async path => {
    const request = open(path);
    await ledger.asked;
    await roundTrip();
    ledger.answer();

    expect(await request.response).toMatch(/^HTTP\/1.1 500 /);
    await until(() => application.emulator.objects.length === 0, 'an empty storage');
    expect(ledger.events).toContain('orphaned');
  });
});

describe.each(ADAPTERS)('a failure on $name', adapter => {
  useApplication(adapter);

  it.each(['ours', 'engine'])('does not wait: %s', async prefix => {
    expect(await open(`${prefix}/refused`).response).toMatch(/^HTTP\/1.1 422 /);
    await until(() => application.emulator.objects.length === 0, 'an empty storage');
    expect(ledger.events).toEqual(['first byte']);
  });

  it('lists settled files again before it deletes them', async () => {
    const request = open('outer-failure');
    await ledger.asked;
    ledger.answer();
    expect(await request.response).toMatch(/^HTTP\/1.1 500 /);
    await until(() => application.emulator.objects.length === 0, 'an empty storage');
    expect(ledger.events.toSorted()).toEqual(['first byte', 'orphaned', 'settled']);
  });
});

describe.each(ADAPTERS)('without a ledger, on $name', adapter => {
  useApplication(adapter);

  it.each(['ours', 'engine'])('no response is changed: %s', async prefix => {
    ledger.remove();
    await open(`${prefix}/patched`).response;
    expect(seen).toEqual([[]]);
  });
});

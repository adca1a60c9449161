import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import type { Type } from '@nestjs/common';
import type { Adapter } from '../../../support/adapters.js';
import { PNG } from '../../../support/forms.js';
import { until } from '../../../support/until.js';
import { startEdgeApplication, type EdgeApplication } from './edge-application.js';
import { encodeForm, openRequest, type RawRequest } from './raw-request.js';
import { useRecordedLedger, type RecordedLedger } from './recorded-ledger.js';
import { respondingControllers, seen } from './responding-controllers.js';

/** A form with one file. */
export const FORM = encodeForm([{ field: 'photo', content: PNG, fileName: 'a.png' }]);

/** The application and the ledger of the present test. */
export const held = {} as { application: EdgeApplication; ledger: RecordedLedger };

/** Starts the application of a group of tests; each of them has a ledger of its own. */
export function useApplication(
  adapter: Adapter,
  controllers: readonly Type[] = respondingControllers(adapter),
): void {
  beforeAll(async () => {
    held.application = await startEdgeApplication({ adapter, controllers });
  });
  beforeEach(() => {
    seen.length = 0;
    held.ledger = useRecordedLedger(held.application);
  });
  afterEach(() => held.application.emulator.reset());
  afterAll(() => held.application.close());
}

/** Sends a form; notes the first byte of the response among the events of the ledger. */
export function open(path: string): RawRequest {
  const request = openRequest(held.application.url, { path: `/${path}`, length: FORM.byteLength });
  const { events } = held.ledger;
  request.socket.once('data', () => events.push('first byte'));
  request.send(FORM);
  return request;
}

/** Time for the application to do what it does not have to wait for. */
export const roundTrip = async (): Promise<unknown> =>
  (await fetch(`${held.application.url}/alive`)).text();

/** The ends of a success of these routes, whose response waits for the ledger. */
export function testSuccesses(routes: readonly string[]): void {
  it.each(routes)('is sent once its files are settled: %s', async path => {
    const request = open(path);
    await held.ledger.asked;
    await roundTrip();
    held.ledger.answer();

    expect(await request.response).toMatch(/^HTTP\/1.1 20[01]/);
    expect(held.ledger.events.at(-1)).toBe('first byte');
    expect(held.ledger.events).toContain('settled');
    expect(held.application.emulator.objects.length).toBeGreaterThan(0);
  });

  it.each(routes)('becomes a 503 when its files are lost: %s', async path => {
    const request = open(path);
    await held.ledger.asked;
    held.ledger.answer(true);

    const response = await request.response;
    expect(response).toMatch(/^HTTP\/1.1 503 /);
    expect(response).toContain('"errorCode":"WX_CLOUD_PENDING_LOST"');
    expect(response).not.toContain('x-own');
    expect(held.ledger.events.slice(0, 2)).toEqual(['settled', 'orphaned']);
    await until(() => held.application.emulator.objects.length === 0, 'an empty storage');
  });

  it.each(routes)('leaves nothing when its client has left: %s', async path => {
    const request = open(path);
    await held.ledger.asked;
    request.leave();
    await until(() => held.ledger.events.includes('orphaned'), 'the roll-back');
    held.ledger.answer();

    await until(() => held.application.emulator.objects.length === 0, 'an empty storage');
    expect(held.ledger.events).not.toContain('first byte');
  });
}

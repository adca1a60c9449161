import { describe, expect, it } from '@jest/globals';
import { ADAPTERS } from '../../support/adapters.js';
import { until } from '../../support/until.js';
import { held, open, roundTrip, testSuccesses, useApplication } from './support/held-responses.js';
import { seen } from './support/responding-controllers.js';

/** A value of a handler, and a response that a handler sends; test/long has more. */
const ROUTES = ['ours/returned', 'engine/written'];

describe.each(ADAPTERS)('a success on $name', adapter => {
  useApplication(adapter);

  testSuccesses(ROUTES);

  it.each(['ours', 'engine'])('stays one when its handler throws later: %s', async prefix => {
    const request = open(`${prefix}/responds-and-throws`);
    await held.ledger.asked;
    await roundTrip();
    held.ledger.answer();

    expect(await request.response).toMatch(/^HTTP\/1.1 201 /);
    expect(held.ledger.events).toEqual(['settled', 'first byte']);
    expect(held.application.emulator.objects).toHaveLength(1);
  });

  it.each(['ours', 'engine'])('ends its handler when its files are lost: %s', async prefix => {
    const request = open(`${prefix}/generated`);
    await held.ledger.asked;
    held.ledger.answer(true);

    expect(await request.response).toMatch(/^HTTP\/1.1 503 /);
    await until(() => seen.length > 0, 'the end of the handler', 10);
  });

  it.each(['ours/writes-and-throws', 'engine/bad-header'])('becomes a 500: %s', async path => {
    const request = open(path);
    await held.ledger.asked;
    await roundTrip();
    held.ledger.answer();

    expect(await request.response).toMatch(/^HTTP\/1.1 500 /);
    await until(() => held.application.emulator.objects.length === 0, 'an empty storage');
    expect(held.ledger.events).toContain('orphaned');
  });
});

describe.each(ADAPTERS)('a failure on $name', adapter => {
  useApplication(adapter);

  it.each(['ours', 'engine'])('does not wait: %s', async prefix => {
    expect(await open(`${prefix}/refused`).response).toMatch(/^HTTP\/1.1 422 /);
    await until(() => held.application.emulator.objects.length === 0, 'an empty storage');
    expect(held.ledger.events).toEqual(['first byte']);
  });

  it('lists settled files again before it deletes them', async () => {
    const request = open('outer-failure');
    await held.ledger.asked;
    held.ledger.answer();
    expect(await request.response).toMatch(/^HTTP\/1.1 500 /);
    await until(() => held.application.emulator.objects.length === 0, 'an empty storage');
    expect(held.ledger.events.toSorted()).toEqual(['first byte', 'orphaned', 'settled']);
  });
});

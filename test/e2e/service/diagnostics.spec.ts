import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startApplication, type TestApplication } from '../../support/application.js';

const CHANNELS = ['request', 'token', 'upload'].map(name => `wx-cloud-storage:${name}`);

let application: TestApplication;
let events: [string | symbol, unknown][];
const listen = (message: unknown, name: string | symbol): void => void events.push([name, message]);

beforeEach(async () => {
  events = [];
  application = await startApplication();
  for (const name of CHANNELS) subscribe(name, listen);
});
afterEach(async () => {
  for (const name of CHANNELS) unsubscribe(name, listen);
  await application.close();
});

const eventsOf = (name: string): unknown[] =>
  events.filter(([channel]) => channel === `wx-cloud-storage:${name}`).map(([, event]) => event);

describe('the diagnostics channels', () => {
  it('publish requests, tokens and uploads with their duration', async () => {
    const { storage, emulator } = application;
    await storage.upload('a/b.bin', Buffer.alloc(1_000));

    const durationMs = expect.any(Number);
    expect(eventsOf('token')).toEqual([
      { env: emulator.env, type: 'stable-token', expiresInSeconds: 7_200, durationMs },
    ]);
    expect(eventsOf('upload')).toEqual([{ env: emulator.env, size: 1_000, tries: 1, durationMs }]);
    expect(eventsOf('request')).toEqual([
      { endpoint: '/cgi-bin/stable_token', method: 'POST', status: 200, durationMs },
      { endpoint: '/tcb/uploadfile', method: 'POST', status: 200, durationMs },
      { endpoint: 'POST object', method: 'POST', status: 204, durationMs },
    ]);
  });

  it('publish failures with their codes', async () => {
    const { storage, emulator } = application;
    emulator.faults.add({
      operation: 'post-object',
      effect: { kind: 'cos-error', cosCode: 'SlowDown' },
      times: Infinity,
    });
    emulator.faults.add({ operation: 'stable-token', effect: { kind: 'reset', at: 'request' } });
    await expect(storage.upload('a/b.bin', 'x')).rejects.toMatchObject({ retryable: true });

    expect(eventsOf('upload')).toMatchObject([{ tries: 3, code: 'WX_CLOUD_UPLOAD_REJECTED' }]);
    expect(eventsOf('request')[0]).toMatchObject({
      endpoint: '/cgi-bin/stable_token',
      code: 'WX_CLOUD_CONNECTION_FAILED',
    });
  });

  it('publish a failed token fetch', async () => {
    application.emulator.misconfigure('wrong-secret');
    await expect(application.storage.upload('a', 'b')).rejects.toMatchObject({ errcode: 40125 });
    expect(eventsOf('token')).toMatchObject([
      { type: 'stable-token', code: 'WX_CLOUD_CREDENTIAL_REFUSED' },
    ]);
  });

  it('show no secret', async () => {
    const { storage, emulator } = application;
    const { fileId } = await storage.upload('a/b.bin', 'x');
    await storage.downloadBuffer(fileId);
    const shown = inspect(events, { depth: Infinity, showHidden: true });
    expect(shown).not.toContain(emulator.options.secret);
    expect(shown).not.toMatch(/access_token|sign=|q-sign|https?:\/\//);
  });
});

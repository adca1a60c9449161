import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type {
  WxCloudEmulatorOperation,
  WxCloudEmulatorFaultEffect,
} from '../../lib/emulator/index.js';
import { startApplication, type TestApplication } from '../support/application.js';

let application: TestApplication;
let fileId: string;
beforeAll(async () => {
  application = await startApplication();
});
afterAll(() => application.close());
beforeEach(async () => {
  await application.emulator.reset();
  ({ fileId } = await application.storage.upload('a.txt', 'text'));
});

const status = (code: number): WxCloudEmulatorFaultEffect => ({ kind: 'status', status: code });
const cos = (cosCode: string, code: number): WxCloudEmulatorFaultEffect => ({
  kind: 'cos-error',
  cosCode,
  status: code,
});

type Call = () => Promise<unknown>;
const CALLS: readonly (readonly [WxCloudEmulatorOperation, Call])[] = [
  ['upload-link', () => application.storage.upload('b.txt', 'x')],
  ['post-object', () => application.storage.upload('b.txt', 'x')],
  ['download-links', () => application.storage.getDownloadUrl(fileId)],
  ['get-object', () => application.storage.downloadBuffer(fileId)],
  ['head-object', () => application.storage.stat(fileId)],
  ['delete-files', () => application.storage.delete(fileId)],
];

describe('a transient status', () => {
  it.each(
    CALLS.flatMap(([operation, call]) =>
      [408, 425, 429, 500, 503].map(code => [operation, code, call] as const),
    ),
  )('is retried: %s, %d', async (operation, code, call) => {
    application.emulator.faults.add({ operation, effect: status(code), times: 2 });
    await call();
    const tries = application.emulator.journal.filter(entry => entry.operation === operation);
    expect(tries.length).toBeGreaterThanOrEqual(3);
  });

  it.each([
    ['OperationAborted', 409],
    ['RequestTimeout', 400],
    ['UserNetworkTooSlow', 400],
    ['SlowDown', 503],
  ])('is retried: %s, %d', async (cosCode, code) => {
    for (const operation of ['post-object', 'get-object'] as const) {
      application.emulator.faults.add({ operation, effect: cos(cosCode, code), times: 2 });
    }
    const stored = await application.storage.upload('b.txt', 'x');
    expect(String(await application.storage.downloadBuffer(stored.fileId))).toBe('x');
  });
});

describe('a permanent status', () => {
  it.each(
    CALLS.flatMap(([operation, call]) =>
      [400, 401, 409, 501].map(code => [operation, code, call] as const),
    ),
  )('is not retried: %s, %d', async (operation, code, call) => {
    const before = application.emulator.journal.length;
    application.emulator.faults.add({ operation, effect: status(code), times: Infinity });
    await expect(call()).rejects.toMatchObject({ retryable: false, upstreamStatus: code });
    const { journal } = application.emulator;
    const tries = journal.slice(before).filter(entry => entry.operation === operation);
    expect(tries).toHaveLength(1);
  });
});

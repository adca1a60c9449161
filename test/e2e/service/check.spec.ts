import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { WxCloudEmulatorFault } from '../../../lib/emulator/index.js';
import type { WxCloudStorageCheck } from '../../../lib/index.js';
import { startApplication, type TestApplication } from '../../support/application.js';
import { until } from '../../support/until.js';

let application: TestApplication;
beforeEach(async () => {
  application = await startApplication();
});
afterEach(() => application.close());

const statusesOf = ({ ok, ...parts }: WxCloudStorageCheck): unknown => ({
  ok,
  ...Object.fromEntries(Object.entries(parts).map(([name, { status }]) => [name, status])),
});
const UNTRIED = { write: 'skipped', read: 'skipped', delete: 'skipped' };

describe('check', () => {
  it('checks the credential and the environment, and stores nothing', async () => {
    const { storage, emulator } = application;
    expect(statusesOf(await storage.check())).toEqual({
      ok: true,
      credential: 'ok',
      environment: 'ok',
      ...UNTRIED,
    });
    expect(emulator.journal.map(({ operation }) => operation)).toEqual([
      'stable-token',
      'upload-link',
    ]);
  });

  it('checks the credential only on request, without a call while there is a token', async () => {
    const { storage, emulator } = application;
    const expected = { ok: true, credential: 'ok', environment: 'skipped', ...UNTRIED };
    expect(statusesOf(await storage.check({ environment: false }))).toEqual(expected);
    expect(statusesOf(await storage.check({ environment: false }))).toEqual(expected);
    expect(emulator.journal.map(({ operation }) => operation)).toEqual(['stable-token']);
  });

  it('checks the environment in any case before the bucket', async () => {
    const result = await application.storage.check({ environment: false, bucket: true });
    expect(statusesOf(result)).toMatchObject({ ok: true, environment: 'ok', delete: 'ok' });
  });

  it('writes, reads and deletes a tiny object on request', async () => {
    const { storage, emulator } = application;
    const result = await storage.check({ bucket: true });
    expect(new Set(Object.values(statusesOf(result) as object))).toEqual(new Set([true, 'ok']));
    expect(emulator.objects).toEqual([]);
    expect(emulator.journal.map(({ operation }) => operation)).toContain('delete-files');
  });

  it('reports an invalid credential and stops', async () => {
    application.emulator.misconfigure('ip-not-whitelisted');
    const result = await application.storage.check({ bucket: true });
    expect(statusesOf(result)).toEqual({
      ok: false,
      credential: 'failed',
      environment: 'skipped',
      ...UNTRIED,
    });
    expect(result.credential.error).toMatchObject({
      code: 'WX_CLOUD_CREDENTIAL_REFUSED',
      errcode: 40164,
    });
  });

  it('reports an invalid environment', async () => {
    await application.close();
    application = await startApplication({ options: { env: 'another-env' } });
    const result = await application.storage.check({ bucket: true });
    expect(statusesOf(result)).toEqual({
      ok: false,
      credential: 'ok',
      environment: 'failed',
      ...UNTRIED,
    });
    expect(result.environment.error).toMatchObject({ errcode: -501005 });
  });

  it.each([
    [
      'write',
      { operation: 'post-object', effect: { kind: 'cos-error', cosCode: 'AccessDenied' } },
      { write: 'failed', read: 'skipped', delete: 'skipped' },
    ],
    [
      'read',
      { operation: 'get-object', effect: { kind: 'cos-error', cosCode: 'AccessDenied' } },
      { write: 'ok', read: 'failed', delete: 'ok' },
    ],
    [
      'delete',
      { operation: 'delete-files', effect: { kind: 'item', status: -503002, errmsg: 'no' } },
      { write: 'ok', read: 'ok', delete: 'failed' },
    ],
  ] satisfies [string, WxCloudEmulatorFault, object][])(
    'reports that the bucket does not %s',
    async (_, fault, expected) => {
      application.emulator.faults.add({ ...fault, times: Infinity });
      const result = await application.storage.check({ bucket: true });
      expect(statusesOf(result)).toEqual({
        ok: false,
        credential: 'ok',
        environment: 'ok',
        ...expected,
      });
    },
  );

  describe('and its object', () => {
    const onOrphan = jest.fn<(fileIds: readonly string[]) => void>();
    beforeEach(async () => {
      onOrphan.mockClear();
      await application.close();
      application = await startApplication({ options: { onOrphan } });
    });
    const idsAtCloud = () => application.emulator.objects.map(({ fileId }) => fileId);
    const isStored = () => idsAtCloud().length > 0;

    it.each<[string, WxCloudEmulatorFault['effect'], number]>([
      ['for the file', { kind: 'item', status: -503002, errmsg: 'no' }, -503002],
      ['for the whole call', { kind: 'errcode', errcode: -501007 }, -501007],
    ])('is reported when its deletion fails %s', async (_, effect, errcode) => {
      application.emulator.faults.add({ operation: 'delete-files', effect, times: Infinity });

      const result = await application.storage.check({ bucket: true });

      const [fileId = 'none'] = idsAtCloud();
      expect(result.delete).toMatchObject({
        status: 'failed',
        error: { code: 'WX_CLOUD_API_FAILED', errcode, message: expect.stringContaining(fileId) },
      });
      expect(onOrphan.mock.calls).toEqual([[[fileId]]]);
    });

    it.each<[WxCloudEmulatorFault['operation'], string, WxCloudEmulatorFault['effect']]>([
      ['get-object', 'download-links', { kind: 'hang', at: 'request' }],
      ['delete-files', 'get-object', { kind: 'delay', delayMs: 300 }],
    ])(
      'is deleted or reported when check is aborted while %s is awaited, after %s',
      async (operation, before, effect) => {
        const { emulator, storage } = application;
        emulator.faults.add({ operation, effect });
        const caller = new AbortController();
        const checking = storage.check({ bucket: true, signal: caller.signal });
        await until(() => emulator.journal.some(entry => entry.operation === before), before);
        caller.abort();

        await expect(checking).rejects.toMatchObject({ code: 'WX_CLOUD_REQUEST_ABORTED' });
        expect(idsAtCloud()).toEqual([]);
        expect(onOrphan).not.toHaveBeenCalled();
      },
    );

    it('is reported when check is aborted and the deletion fails', async () => {
      const { emulator, storage } = application;
      emulator.faults.add({ operation: 'get-object', effect: { kind: 'hang', at: 'request' } });
      emulator.faults.add({
        operation: 'delete-files',
        effect: { kind: 'item', status: -503002, errmsg: 'no' },
        times: Infinity,
      });
      const caller = new AbortController();
      const checking = storage.check({ bucket: true, signal: caller.signal });
      await until(isStored, 'the object');
      caller.abort();

      await expect(checking).rejects.toMatchObject({ code: 'WX_CLOUD_REQUEST_ABORTED' });
      expect(onOrphan.mock.calls).toEqual([[idsAtCloud()]]);
      expect(idsAtCloud()).toHaveLength(1);
    });
  });

  it('skips the credential when there is none', async () => {
    const { sidecarUrl, options } = application.emulator;
    const other = await startApplication({
      options: {
        appid: undefined,
        secret: undefined,
        env: options.env,
        apiBaseUrl: sidecarUrl,
        auth: { type: 'open-api-service' },
      },
    });
    expect(statusesOf(await other.storage.check())).toMatchObject({
      ok: true,
      credential: 'skipped',
      environment: 'ok',
    });
    await other.close();
  });

  it('rejects when its caller aborts', async () => {
    const signal = AbortSignal.abort();
    await expect(application.storage.check({ signal })).rejects.toMatchObject({
      code: 'WX_CLOUD_REQUEST_ABORTED',
    });
    application.emulator.faults.add({
      operation: 'upload-link',
      effect: { kind: 'hang', at: 'request' },
    });
    await expect(application.storage.check({ timeoutMs: 100 })).rejects.toMatchObject({
      code: 'WX_CLOUD_REQUEST_TIMED_OUT',
    });
  });
});

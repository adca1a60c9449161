import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startWxCloudEmulator, type WxCloudEmulator } from '../../../lib/emulator/index.js';
import type {
  WxCloudStorageOptions,
  WxCloudStorageService,
  WxCloudUploadForm,
} from '../../../lib/index.js';
import { ScriptedPendingStore } from '../../support/scripted-pending-store.js';
import { startStorage } from '../../support/storage.js';

let emulator: WxCloudEmulator;
let store: ScriptedPendingStore;
let storage: WxCloudStorageService;
let closeStorage: () => Promise<void>;

beforeEach(async () => {
  emulator = await startWxCloudEmulator();
  store = new ScriptedPendingStore();
  const given = { ...emulator.options, pending: store } as Partial<WxCloudStorageOptions>;
  ({ storage, close: closeStorage } = await startStorage(given));
});
afterEach(() => emulator.close());

async function post({ url, fields }: WxCloudUploadForm): Promise<void> {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  form.append('file', new Blob(['content']));
  expect((await fetch(url, { method: 'POST', body: form })).status).toBe(204);
}

describe('createUploadForm', () => {
  it('records a random path until the form and its ticket have expired', async () => {
    const { fileId } = await storage.createUploadForm('photos/');
    expect(store.added).toEqual([{ fileId, reason: 'form', dueInMs: expect.any(Number) }]);
    const [{ dueInMs } = { dueInMs: 0 }] = store.added;
    expect(dueInMs).toBeGreaterThanOrEqual(900_000 + 60_000);
    expect(dueInMs).toBeLessThanOrEqual(2 * 3_600_000);
  });

  it('records no path that other forms may have', async () => {
    await storage.createUploadForm('photos/a.png');
    expect(store.calls).toEqual([]);
  });
});

describe('confirmUpload', () => {
  it('settles the file', async () => {
    const form = await storage.createUploadForm();
    await post(form);
    await storage.confirmUpload(form.fileId, { ticket: form.ticket });
    expect(store.calls).toEqual([
      ['add', [form.fileId]],
      ['settle', [form.fileId]],
    ]);
  });

  it('refuses a file that a sweep holds, and leaves it to the sweep', async () => {
    const form = await storage.createUploadForm();
    await post(form);
    store.answer = async () => [form.fileId];
    await expect(storage.confirmUpload(form.fileId, { ticket: form.ticket })).rejects.toMatchObject(
      { code: 'WX_CLOUD_PENDING_LOST', retryable: true },
    );
    expect(emulator.objects).toHaveLength(1);
  });

  it('refuses a file that a sweep has deleted since it was read', async () => {
    const form = await storage.createUploadForm();
    await post(form);
    store.answer = async () => {
      await emulator.reset();
    };
    await expect(storage.confirmUpload(form.fileId, { ticket: form.ticket })).rejects.toMatchObject(
      { code: 'WX_CLOUD_FILE_NOT_FOUND' },
    );
  });

  it('records a file again that cannot be read once it is settled', async () => {
    const form = await storage.createUploadForm();
    await post(form);
    const effect = { kind: 'status', status: 503 } as const;
    emulator.faults.add({ operation: 'head-object', effect, times: Infinity });
    await expect(storage.confirmUpload(form.fileId, { ticket: form.ticket })).rejects.toMatchObject(
      { code: 'WX_CLOUD_DOWNLOAD_FAILED' },
    );
    expect(store.calls.map(([method]) => method)).toEqual(['add', 'settle', 'add']);
    expect(store.added.at(-1)).toMatchObject({ fileId: form.fileId, reason: 'form' });
  });

  it('records a file again whose caller leaves once it is settled', async () => {
    const form = await storage.createUploadForm();
    await post(form);
    const controller = new AbortController();
    const steps = { add: () => undefined, settle: () => controller.abort() };
    store.answer = method => steps[method]();
    const { ticket } = form;
    await expect(
      storage.confirmUpload(form.fileId, { ticket, signal: controller.signal }),
    ).rejects.toMatchObject({ code: 'WX_CLOUD_REQUEST_ABORTED' });
    expect(store.calls.map(([method]) => method)).toEqual(['add', 'settle', 'add']);
    expect(emulator.objects).toHaveLength(1);
  });

  it('does not record a file again that was confirmed before', async () => {
    const form = await storage.createUploadForm();
    await post(form);
    await storage.confirmUpload(form.fileId, { ticket: form.ticket });
    const effect = { kind: 'status', status: 503 } as const;
    emulator.faults.add({ operation: 'head-object', effect, times: Infinity });
    await expect(storage.confirmUpload(form.fileId, { ticket: form.ticket })).rejects.toMatchObject(
      { code: 'WX_CLOUD_DOWNLOAD_FAILED' },
    );
    expect(store.callsOf('add')).toHaveLength(1);
  });

  it('keeps a file recorded that it deletes, as its form may store it again', async () => {
    const form = await storage.createUploadForm();
    await post(form);
    await expect(
      storage.confirmUpload(form.fileId, { ticket: form.ticket, maxBytes: 1 }),
    ).rejects.toMatchObject({ code: 'WX_CLOUD_FILE_TOO_LARGE' });
    expect(emulator.objects).toEqual([]);
    await post(form);
    await closeStorage();
    expect(store.callsOf('settle')).toEqual([]);
    expect(store.added.at(-1)).toMatchObject({ fileId: form.fileId, reason: 'form' });
    // At the same time as before; less of it is left.
    const [firstMs = Infinity, againMs = 0] = store.added.map(({ dueInMs }) => dueInMs);
    expect(againMs).toBeGreaterThanOrEqual(firstMs - 60_000);
    expect(againMs).toBeLessThanOrEqual(firstMs + 1_000);
  });

  it('leaves a file recorded that it refuses only', async () => {
    const form = await storage.createUploadForm();
    await post(form);
    await expect(storage.confirmUpload(form.fileId, { maxBytes: 1 })).rejects.toMatchObject({
      code: 'WX_CLOUD_FILE_TOO_LARGE',
    });
    expect(store.callsOf('settle')).toEqual([]);
  });
});

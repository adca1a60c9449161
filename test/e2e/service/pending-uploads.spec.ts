import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { lastValueFrom } from 'rxjs';
import { startWxCloudEmulator, type WxCloudEmulator } from '../../../lib/emulator/index.js';
import {
  WxCloudStorageError,
  type WxCloudStorageOptions,
  type WxCloudStorageService,
} from '../../../lib/index.js';
import { ScriptedPendingStore } from '../../support/scripted-pending-store.js';
import { startStorage } from '../../support/storage.js';
import { until } from '../../support/until.js';

const UNIQUE = { uniquePath: true };

let emulator: WxCloudEmulator;
let store: ScriptedPendingStore;
/** Calls of the store, each with the number of objects at that time. */
let steps: (readonly [method: string, objects: number])[];

beforeEach(async () => {
  emulator = await startWxCloudEmulator();
  store = new ScriptedPendingStore();
  steps = [];
  store.answer = method => void steps.push([method, emulator.objects.length]);
});
afterEach(() => emulator.close());

/** Options for direct access to the bucket. */
const direct = (): object => ({
  env: emulator.env,
  auth: { type: 'open-api-service' },
  apiBaseUrl: emulator.sidecarUrl,
  ticketKey: 'a-key-of-32-characters-for-tests',
  cos: { bucket: emulator.bucket, endpoint: emulator.cosEndpoint, partBytes: 1_048_576 },
});

/** The two ways to the storage. */
const WAYS: readonly (readonly [string, 'post-object' | 'put-object', () => object])[] = [
  ['links', 'post-object', () => emulator.options],
  ['the option cos', 'put-object', direct],
];

async function start(options: object): Promise<WxCloudStorageService> {
  const given = { pending: store, ...options } as Partial<WxCloudStorageOptions>;
  return (await startStorage(given)).storage;
}

const idOf = (path: string): string => `cloud://${emulator.env}.${emulator.bucket}/${path}`;
const idsAtCloud = (): readonly string[] => emulator.objects.map(({ fileId }) => fileId);
const added = (): readonly string[] =>
  store.added.map(({ fileId, reason, dueInMs }) => `${reason} ${fileId} ${dueInMs}`);

describe.each(WAYS)('upload over %s', (_, operation, optionsOf) => {
  it('is recorded before it is sent, and settled when it resolves', async () => {
    const storage = await start(optionsOf());
    const { fileId } = await storage.upload('a.txt', 'content', UNIQUE);
    expect(steps).toEqual([
      ['add', 0],
      ['settle', 1],
    ]);
    expect(added()).toEqual([`upload ${fileId} 900000`]);
    expect(store.callsOf('settle')).toEqual([[fileId]]);
  });

  it('is recorded before it is sent, however large', async () => {
    const storage = await start(optionsOf());
    const chunks = Array.from({ length: 40 }, () => Buffer.alloc(65_536));
    const { fileId } = await storage.upload('a.bin', Readable.from(chunks), UNIQUE);
    expect(steps).toEqual([
      ['add', 0],
      ['settle', 1],
    ]);
    expect(store.callsOf('settle')).toEqual([[fileId]]);
  });

  it('sends nothing before the store has answered', async () => {
    const storage = await start(optionsOf());
    let answer = (): void => {};
    store.answer = method => {
      steps.push([method, emulator.objects.length]);
      return new Promise<void>(resolve => (answer = resolve));
    };
    const uploading = storage.upload('a.txt', 'content', UNIQUE);
    await until(() => steps.length === 1);
    const sent = emulator.journal.filter(({ path }) => path.includes('a.txt'));
    expect(sent).toEqual([]);
    answer();
    await until(() => steps.length === 2);
    answer();
    await expect(uploading).resolves.toMatchObject({ cloudPath: 'a.txt' });
  });

  it('is not recorded at a path that is not unique', async () => {
    const storage = await start(optionsOf());
    await storage.upload('a.txt', 'content');
    expect(store.calls).toEqual([]);
  });

  it('is deleted and refused when a sweep has taken it', async () => {
    const storage = await start(optionsOf());
    store.answer = async () => [idOf('a.txt')];
    await expect(storage.upload('a.txt', 'content', UNIQUE)).rejects.toMatchObject({
      code: 'WX_CLOUD_PENDING_LOST',
      retryable: true,
    });
    expect(idsAtCloud()).toEqual([]);
  });

  it('is forgotten when nothing was stored', async () => {
    const storage = await start(optionsOf());
    const effect = { kind: 'cos-error', status: 400, cosCode: 'InvalidArgument' } as const;
    emulator.faults.add({ operation, effect, times: Infinity });
    await expect(storage.upload('a.txt', 'content', UNIQUE)).rejects.toMatchObject({
      code: 'WX_CLOUD_UPLOAD_REJECTED',
    });
    await until(() => store.callsOf('settle').length === 1);
    expect(store.callsOf('add')).toHaveLength(1);
    expect(store.callsOf('settle')).toEqual([[idOf('a.txt')]]);
  });

  it('is an orphan after its deletion where the storage may still store it', async () => {
    const storage = await start(optionsOf());
    const effect = { kind: 'reset', at: 'answer' } as const;
    emulator.faults.add({ operation, effect, times: Infinity });
    await expect(storage.upload('a.txt', 'content', UNIQUE)).rejects.toMatchObject({
      code: 'WX_CLOUD_CONNECTION_FAILED',
    });
    expect(idsAtCloud()).toEqual([]);
    expect(added()).toEqual([`upload ${idOf('a.txt')} 900000`, `orphan ${idOf('a.txt')} 600000`]);
    expect(steps.at(-1)).toEqual(['add', 0]);
    expect(store.callsOf('settle')).toEqual([]);
  });

  it('is forgotten after its deletion where the storage has answered', async () => {
    const storage = await start(optionsOf());
    const controller = new AbortController();
    const { signal } = controller;
    const effect = { kind: 'delay', delayMs: 300 } as const;
    emulator.faults.add({ operation, effect });
    const uploading = storage.upload('a.txt', 'content', { ...UNIQUE, signal });
    await until(() => emulator.objects.length === 1);
    controller.abort();
    await expect(uploading).rejects.toMatchObject({ code: 'WX_CLOUD_REQUEST_ABORTED' });
    await until(() => store.callsOf('settle').length === 1);
    expect(idsAtCloud()).toEqual([]);
    expect(added()).toEqual([`upload ${idOf('a.txt')} 900000`]);
  });

  it.each([
    ['delete', (storage: WxCloudStorageService, fileId: string) => storage.delete(fileId)],
    [
      'deleteMany',
      (storage: WxCloudStorageService, fileId: string) => storage.deleteMany([fileId]),
    ],
  ])('is left to a sweep by %s where a lost attempt may still store it', async (_name, remove) => {
    const storage = await start(optionsOf());
    emulator.faults.add({ operation, effect: { kind: 'reset', at: 'answer' } });
    const { fileId } = await storage.upload('a.txt', 'content', UNIQUE);
    await remove(storage, fileId);
    expect(store.callsOf('settle')).toEqual([[fileId]]);
    expect(added()).toEqual([`upload ${fileId} 900000`, `orphan ${fileId} 600000`]);
  });

  it('is left to no sweep by delete after clear attempts', async () => {
    const storage = await start(optionsOf());
    const { fileId } = await storage.upload('a.txt', 'content', UNIQUE);
    await storage.delete(fileId);
    expect(added()).toEqual([`upload ${fileId} 900000`]);
  });

  it('goes on without a store that is down', async () => {
    const storage = await start(optionsOf());
    store.answer = () => Promise.reject(new Error('down'));
    await expect(storage.upload('a.txt', 'content', UNIQUE)).resolves.toMatchObject({
      cloudPath: 'a.txt',
    });
  });
});

describe('uploadFile and watchUpload', () => {
  it('are settled when they end', async () => {
    const storage = await start(emulator.options);
    await storage.uploadFile('package.json', 'a.json', UNIQUE);
    await lastValueFrom(storage.watchUpload('b.txt', 'content', UNIQUE));
    expect(store.callsOf('settle')).toEqual([[idOf('a.json')], [idOf('b.txt')]]);
  });

  it('leave nothing behind when their subscriber leaves while they are settled', async () => {
    const storage = await start(emulator.options);
    let answer = (): void => {};
    const waits: Readonly<Record<string, () => unknown>> = {
      add: () => undefined,
      settle: () => new Promise<void>(resolve => (answer = resolve)),
    };
    store.answer = method => waits[method]?.();
    const subscription = storage.watchUpload('b.txt', 'content', UNIQUE).subscribe();
    await until(() => store.callsOf('settle').length === 1);
    subscription.unsubscribe();
    answer();
    await until(() => emulator.objects.length === 0);
    expect(store.added.at(-1)?.reason).toBe('orphan');
  });
});

describe('a file that cannot be deleted', () => {
  it('is an orphan for a sweep', async () => {
    const storage = await start(emulator.options);
    const lost = { kind: 'reset', at: 'answer' } as const;
    emulator.faults.add({ operation: 'post-object', effect: lost, times: Infinity });
    const refused = { kind: 'status', status: 500 } as const;
    emulator.faults.add({ operation: 'delete-files', effect: refused, times: Infinity });
    await expect(storage.upload('a.txt', 'content', UNIQUE)).rejects.toMatchObject({
      code: 'WX_CLOUD_CONNECTION_FAILED',
    });
    expect(added()).toEqual([`upload ${idOf('a.txt')} 900000`, `orphan ${idOf('a.txt')} 60000`]);
    expect(store.callsOf('settle')).toEqual([]);
  });
});

describe('an upload in parts', () => {
  it('is an orphan after its deletion where the storage may still complete it', async () => {
    const storage = await start(direct());
    const lost = { kind: 'reset', at: 'answer' } as const;
    emulator.faults.add({
      operation: 'complete-multipart-upload',
      effect: lost,
      times: Infinity,
    });
    const refused = { kind: 'status', status: 503 } as const;
    emulator.faults.add({ operation: 'head-object', effect: refused, times: Infinity });
    const chunks = Array.from({ length: 40 }, () => Buffer.alloc(65_536));
    await expect(storage.upload('a.bin', Readable.from(chunks), UNIQUE)).rejects.toBeInstanceOf(
      WxCloudStorageError,
    );
    expect(idsAtCloud()).toEqual([]);
    expect(added().at(-1)).toBe(`orphan ${idOf('a.bin')} 600000`);
    expect(store.callsOf('settle')).toEqual([]);
  });
});

describe('an upload that is sent as a form after its PUT was denied', () => {
  const deny = (): void => {
    const effect = { kind: 'cos-error', cosCode: 'AccessDenied', status: 403 } as const;
    emulator.faults.add({ operation: 'put-object', effect, times: Infinity });
  };

  it('stays recorded until what the form may have stored is deleted', async () => {
    const storage = await start(direct());
    deny();
    const lost = { kind: 'reset', at: 'answer' } as const;
    emulator.faults.add({ operation: 'post-object', effect: lost, times: Infinity });
    await expect(storage.upload('a.txt', 'content', UNIQUE)).rejects.toMatchObject({
      code: 'WX_CLOUD_CONNECTION_FAILED',
    });
    expect(idsAtCloud()).toEqual([]);
    expect(added()).toEqual([`upload ${idOf('a.txt')} 900000`, `orphan ${idOf('a.txt')} 600000`]);
    expect(store.callsOf('settle')).toEqual([]);
  });

  it('is forgotten when there is no link for the form', async () => {
    const storage = await start(direct());
    deny();
    const refused = { kind: 'status', status: 500 } as const;
    emulator.faults.add({ operation: 'upload-link', effect: refused, times: Infinity });
    await expect(storage.upload('a.txt', 'content', UNIQUE)).rejects.toBeInstanceOf(
      WxCloudStorageError,
    );
    await until(() => store.callsOf('settle').length === 1);
    expect(store.callsOf('settle')).toEqual([[idOf('a.txt')]]);
  });
});

describe('copy and move', () => {
  it('record and settle a copy at a unique path, and nothing of its source', async () => {
    const storage = await start(direct());
    const { fileId } = await storage.upload('a.txt', 'content');
    await storage.copy(fileId, 'b.txt', UNIQUE);
    await storage.move(fileId, 'c.txt', UNIQUE);
    expect(added()).toEqual([`upload ${idOf('b.txt')} 900000`, `upload ${idOf('c.txt')} 900000`]);
    expect(store.callsOf('settle')).toEqual([[idOf('b.txt')], [idOf('c.txt')]]);
  });

  it('record nothing at any other path, and no file that is copied onto itself', async () => {
    const storage = await start(direct());
    const { fileId } = await storage.upload('a.txt', 'content');
    await storage.copy(fileId, 'b.txt');
    await storage.copy(fileId, 'a.txt', UNIQUE);
    expect(store.calls).toEqual([]);
  });

  it('leave a copy that may still appear to a sweep, although it was deleted', async () => {
    const storage = await start(direct());
    const { fileId } = await storage.upload('a.txt', 'content');
    const effect = { kind: 'reset', at: 'answer' } as const;
    emulator.faults.add({ operation: 'copy-object', effect, times: Infinity });
    await expect(storage.copy(fileId, 'b.txt', UNIQUE)).rejects.toBeInstanceOf(WxCloudStorageError);
    expect(idsAtCloud()).toEqual([fileId]);
    expect(added().at(-1)).toBe(`orphan ${idOf('b.txt')} 600000`);
    expect(store.callsOf('settle')).toEqual([]);
  });

  it('leave a source that may still appear to a sweep', async () => {
    const storage = await start(direct());
    emulator.faults.add({ operation: 'put-object', effect: { kind: 'reset', at: 'answer' } });
    const { fileId } = await storage.upload('a.txt', 'content', UNIQUE);
    await storage.move(fileId, 'b.txt', UNIQUE);
    expect(added().at(-1)).toBe(`orphan ${fileId} 600000`);
  });

  it('refuse and delete a copy that a sweep has taken', async () => {
    const storage = await start(direct());
    const { fileId } = await storage.upload('a.txt', 'content');
    store.answer = async () => [idOf('b.txt')];
    await expect(storage.copy(fileId, 'b.txt', UNIQUE)).rejects.toMatchObject({
      code: 'WX_CLOUD_PENDING_LOST',
    });
    expect(idsAtCloud()).toEqual([fileId]);
  });
});

describe('check', () => {
  it('leaves no file of its own recorded', async () => {
    const storage = await start(emulator.options);
    await expect(storage.check({ bucket: true })).resolves.toMatchObject({ ok: true });
    await until(() => store.callsOf('settle').length === 1);
    expect(store.callsOf('settle')).toEqual(store.callsOf('add'));
  });
});

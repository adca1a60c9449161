import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  it,
  jest,
} from '@jest/globals';
import { lastValueFrom } from 'rxjs';
import type { WxCloudStorageService } from '../../../lib/index.js';
import { startApplication, type TestApplication } from '../../support/application.js';
import { until } from '../../support/until.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wx-cloud-unique-'));
  await writeFile(join(folder, 'a.txt'), 'content');
});
afterAll(() => rm(folder, { recursive: true }));

const onOrphan = jest.fn<(fileIds: readonly string[]) => void>();
let application: TestApplication;
beforeEach(async () => {
  onOrphan.mockClear();
  application = await startApplication({ options: { onOrphan } });
});
afterEach(() => application.close());

interface Options {
  readonly uniquePath?: boolean;
  readonly signal?: AbortSignal;
}

const METHODS: readonly [
  string,
  (storage: WxCloudStorageService, options: Options) => Promise<unknown>,
][] = [
  ['upload', (storage, options) => storage.upload('a.txt', 'content', options)],
  ['uploadFile', (storage, options) => storage.uploadFile(join(folder, 'a.txt'), 'a.txt', options)],
  [
    'watchUpload',
    (storage, options) => lastValueFrom(storage.watchUpload('a.txt', 'content', options)),
  ],
];

const count = (operation: string): number =>
  application.emulator.journal.filter(entry => entry.operation === operation).length;
const idsAtCloud = () => application.emulator.objects.map(({ fileId }) => fileId);

describe.each(METHODS)('%s with a lost response', (_, upload) => {
  beforeEach(() => {
    application.emulator.faults.add({
      operation: 'post-object',
      effect: { kind: 'reset', at: 'answer' },
      times: Infinity,
    });
  });

  it('keeps and reports the object at its path', async () => {
    await expect(upload(application.storage, {})).rejects.toMatchObject({
      code: 'WX_CLOUD_CONNECTION_FAILED',
    });
    expect(idsAtCloud()).toHaveLength(1);
    expect(onOrphan.mock.calls).toEqual([[idsAtCloud()]]);
    expect(count('delete-files') + count('download-links')).toBe(0);
  });

  it('deletes the object with uniquePath', async () => {
    await expect(upload(application.storage, { uniquePath: true })).rejects.toMatchObject({
      code: 'WX_CLOUD_CONNECTION_FAILED',
    });
    expect(idsAtCloud()).toEqual([]);
    expect(onOrphan).not.toHaveBeenCalled();
    expect(count('download-links')).toBe(0);
  });
});

describe('an upload aborted before the storage responds', () => {
  it('is deleted with uniquePath and reported without', async () => {
    const caller = new AbortController();
    const { emulator, storage } = application;
    const { signal } = caller;
    emulator.faults.add({
      operation: 'post-object',
      effect: { kind: 'hang', at: 'answer' },
      times: 2,
    });
    const uploading = Promise.allSettled([
      storage.upload('shared.txt', 'content', { signal }),
      storage.upload('own.txt', 'content', { signal, uniquePath: true }),
    ]);
    await until(() => emulator.objects.length === 2, 'both objects');
    caller.abort();

    const reason = expect.objectContaining({ code: 'WX_CLOUD_REQUEST_ABORTED' });
    const rejected = { status: 'rejected', reason };
    expect(await uploading).toEqual([rejected, rejected]);
    expect(emulator.objects).toMatchObject([{ cloudPath: 'shared.txt' }]);
    expect(onOrphan.mock.calls).toEqual([[idsAtCloud()]]);
  });
});

describe('onOrphan', () => {
  const lose = () =>
    application.emulator.faults.add({
      operation: 'post-object',
      effect: { kind: 'reset', at: 'answer' },
      times: Infinity,
    });

  it('does not change the error of the upload when it throws', async () => {
    lose();
    onOrphan.mockImplementationOnce(() => {
      throw new Error('the queue is full');
    });
    await expect(application.storage.upload('a', 'x')).rejects.toMatchObject({
      code: 'WX_CLOUD_CONNECTION_FAILED',
    });
    expect(onOrphan).toHaveBeenCalledTimes(1);
  });
});

it('upload rejects a uniquePath that is not a boolean', async () => {
  const options = { uniquePath: 'yes' as never };
  await expect(application.storage.upload('a', 'x', options)).rejects.toMatchObject({
    code: 'WX_CLOUD_ARGUMENT_INVALID',
  });
  expect(application.emulator.journal).toEqual([]);
});

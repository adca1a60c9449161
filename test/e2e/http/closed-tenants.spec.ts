import { Controller, Post, UseInterceptors } from '@nestjs/common';
import { expect, it } from '@jest/globals';
import {
  FileId,
  WxCloudFileInterceptor,
  WxCloudStorageRegistry,
  type WxCloudStorageOptions,
} from '../../../lib/index.js';
import { afterThisTest } from '../../support/after-test.js';
import { FAST_RETRY, startApplication } from '../../support/application.js';
import { makeForm, PNG } from '../../support/forms.js';
import { until } from '../../support/until.js';

/** Resumes the handler of a running request. */
const handlers: (() => void)[] = [];

@Controller()
class PhotosController {
  constructor(private readonly registry: WxCloudStorageRegistry) {}

  @Post('photos')
  @UseInterceptors(
    WxCloudFileInterceptor('photo', { storage: () => 'tenant-7', path: () => 'a.png' }),
  )
  async create(@FileId() fileId: string) {
    const storage = this.registry.get('tenant-7');
    await new Promise<void>(resolve => handlers.push(resolve));
    return { fileId, isStored: await storage.exists(fileId) };
  }
}

it('close lets the handler of an upload end, with further calls', async () => {
  const { app, emulator, url, close } = await startApplication({ controllers: [PhotosController] });
  afterThisTest(close);
  const options: WxCloudStorageOptions = { ...emulator.options, retry: FAST_RETRY };
  const registry = app.get(WxCloudStorageRegistry);
  await registry.open('tenant-7', options);
  const body = makeForm([{ field: 'photo', file: PNG }]);
  const responding = fetch(`${url}/photos`, { method: 'POST', body });
  await until(() => handlers.length === 1);
  const closing = registry.close('tenant-7');
  // All that close does without waiting for the handler.
  for (let turn = 0; turn < 20; turn += 1) await new Promise(resolve => setImmediate(resolve));
  handlers[0]?.();
  const response = await responding;
  expect([response.status, await response.json()]).toEqual([
    201,
    { fileId: expect.any(String), isStored: true },
  ]);
  await closing;
  expect(await emulator.readObject('a.png')).toEqual(PNG);
});

import { Controller, Post, UploadedFile, UseInterceptors } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  WxCloudFileInterceptor,
  wxCloudUpload,
  type WxCloudUploadedFile,
} from '../../../lib/index.js';
import { ADAPTERS, type Adapter } from '../../support/adapters.js';
import { pngOfSize } from '../../support/forms.js';
import { until } from '../../support/until.js';
import { startEdgeApplication, type EdgeApplication } from './support/edge-application.js';
import { encodeForm, openRequest, type RawRequest } from './support/raw-request.js';
import { isStoring } from './support/watched-forms.js';

let handle: () => Promise<void>;

function photosController({ FileInterceptor }: Adapter) {
  @Controller()
  class PhotosController {
    @Post('photos')
    @UseInterceptors(WxCloudFileInterceptor('photo'))
    async create(@UploadedFile() photo: WxCloudUploadedFile) {
      await handle();
      return { fileId: photo.fileId };
    }

    @Post('engine')
    @UseInterceptors(FileInterceptor('photo', { storage: wxCloudUpload() }))
    engine() {
      return 'unreachable';
    }
  }
  return PhotosController;
}

const FORM = encodeForm([{ field: 'photo', content: pngOfSize(400_000), fileName: 'a.png' }]);

describe.each(ADAPTERS)('app.close() on $name', adapter => {
  let application: EdgeApplication;
  beforeEach(async () => {
    handle = async () => {};
    application = await startEdgeApplication({
      adapter,
      controllers: [photosController(adapter)],
      // Longer than an application waits for running work.
      options: { timeouts: { idleMs: 60_000 } },
    });
  });
  afterEach(() => application.close());

  const open = (path: string, connection?: 'close' | 'keep-alive'): RawRequest =>
    openRequest(application.url, { path, length: FORM.byteLength, connection });

  it('lets an upload in progress finish', async () => {
    application.emulator.faults.add({
      operation: 'post-object',
      effect: { kind: 'delay', delayMs: 500 },
    });
    const request = open('/photos');
    request.send(FORM);
    await until(() => application.count('upload-link') > 0, 'the link');

    await application.app.close();

    expect(await request.response).toMatch(/^HTTP\/1\.1 201 /);
    expect(application.emulator.objects).toHaveLength(1);
  });

  it('deletes the file of a request whose client leaves meanwhile', async () => {
    let finish = (): void => {};
    handle = () => new Promise(resolve => (finish = resolve));
    const request = open('/photos');
    request.send(FORM);
    await until(() => application.emulator.objects.length === 1, 'a stored file');

    const closing = application.app.close();
    request.leave();
    await closing;

    expect(application.emulator.objects).toEqual([]);
    finish();
  });

  it('aborts stalled uploads and leaves nothing of them', async () => {
    const ours = open('/photos', 'keep-alive');
    const alone = open('/engine', 'keep-alive');
    for (const request of [ours, alone]) request.send(FORM.subarray(0, 150_000));
    await until(async () => (await application.countSpoolHandles()) === 2, 'temporary files');

    await application.app.close();

    for (const response of [await ours.response, await alone.response]) {
      expect(response).toMatch(/^HTTP\/1\.1 503 /);
      expect(response).toContain('WX_CLOUD_STORAGE_CLOSED');
    }
    expect(await application.countSpoolHandles()).toBe(0);
    expect(await application.listSpool()).toEqual([]);
    expect(application.emulator.journal.filter(isStoring)).toEqual([]);
  });
});

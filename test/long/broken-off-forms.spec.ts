import { Body, Controller, Post, UploadedFile, UseInterceptors } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  WxCloudFileInterceptor,
  wxCloudUpload,
  type WxCloudUploadedFile,
} from '../../lib/index.js';
import { ADAPTERS, type Adapter } from '../support/adapters.js';
import { PNG, pngOfSize } from '../support/forms.js';
import { until } from '../support/until.js';
import {
  expectNothingLeft,
  startEdgeApplication,
  type EdgeApplication,
} from '../e2e/http/support/edge-application.js';
import {
  encodeForm,
  headOf,
  openConnection,
  openRequest,
  type RawRequest,
} from '../e2e/http/support/raw-request.js';
import { isStoring, watchForms } from '../e2e/http/support/watched-forms.js';

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
    async engine(@UploadedFile() photo: WxCloudUploadedFile) {
      await handle();
      return { fileId: photo.fileId };
    }

    @Post('avatar')
    @UseInterceptors(WxCloudFileInterceptor('photo', { path: () => 'avatars/me.png' }))
    async avatar(@Body('fails') fails?: string) {
      if (fails === undefined) return { stored: true };
      await handle();
      throw new Error('the handler failed');
    }
  }
  return PhotosController;
}

const BYTES = 400_000;
const FORM = encodeForm([{ field: 'photo', content: pngOfSize(BYTES), fileName: 'a.png' }]);
const SMALL_FORM = encodeForm([{ field: 'photo', content: PNG, fileName: 'a.png' }]);
const ROUTES = [
  ['our interceptor', '/photos'],
  ["Nest's own interceptor with our engine", '/engine'],
] as const;

describe.each(ADAPTERS)('an aborted form on $name', adapter => {
  let application: EdgeApplication;
  let finish: () => void;
  beforeEach(async () => {
    const working = new Promise<void>(resolve => (finish = resolve));
    handle = () => working;
    application = await startEdgeApplication({
      adapter,
      controllers: [photosController(adapter)],
      // Long enough for a busy machine; some tests wait for it.
      options: { timeouts: { idleMs: 2_000 } },
    });
  });
  afterEach(async () => {
    finish();
    await application.close();
  });

  const open = (path: string): RawRequest =>
    openRequest(application.url, { path, length: FORM.byteLength });

  /** A client that stays connected but sends only a part of its file. */
  const openStalled = (path: string): RawRequest => {
    const request = openRequest(application.url, {
      path,
      length: FORM.byteLength,
      connection: 'keep-alive',
    });
    request.send(FORM.subarray(0, 150_000));
    return request;
  };

  describe.each(ROUTES)('behind %s', (_, path) => {
    it('leaves nothing in the middle of a file', async () => {
      const request = open(path);
      request.send(FORM.subarray(0, 150_000));
      await until(async () => (await application.countSpoolHandles()) > 0, 'a temporary file');
      request.leave();

      await expectNothingLeft(application);
      expect(application.emulator.journal.filter(isStoring)).toEqual([]);
    });

    it('leaves nothing while the cloud receives the file', async () => {
      application.emulator.faults.add({
        operation: 'post-object',
        effect: { kind: 'delay', delayMs: 300 },
      });
      const forms = watchForms(application.emulator.url);
      const request = open(path);
      request.send(FORM);
      await until(() => Number(forms[0]?.arrivedBytes()) > BYTES, 'the whole file');
      request.leave();

      await until(() => application.count('post-object') > 0, 'the response of the cloud');
      await expectNothingLeft(application);
    });

    it('leaves nothing while the handler runs', async () => {
      const request = open(path);
      request.send(FORM);
      await until(() => application.emulator.objects.length === 1, 'a stored file');
      request.leave();

      await until(() => application.count('delete-files') > 0, 'the removal');
      finish();
      await expectNothingLeft(application);
    });

    it('keeps the file once the client has its response', async () => {
      finish();
      const request = open(path);
      request.send(FORM);
      const response = await request.response;

      expect(response).toMatch(/^HTTP\/1\.1 201 /);
      expect(application.emulator.objects).toHaveLength(1);
      expect(response).toContain(application.emulator.objects[0]?.fileId);
      expect(application.count('delete-files')).toBe(0);
    });

    it('leaves nothing of pipelined requests whose client leaves', async () => {
      const connection = openConnection(application.url);
      const head = headOf({ path, length: SMALL_FORM.byteLength, connection: 'keep-alive' });
      const requests = Array.from({ length: 15 }, () => [head, SMALL_FORM]).flat();
      connection.send(...requests);
      await until(() => application.emulator.objects.length === 15, 'all stored files');
      connection.leave();

      await until(() => application.emulator.objects.length === 0, 'an empty storage');
      finish();
      await expectNothingLeft(application);
    });
  });

  it('is answered with 400 when it ends in the middle of a file', async () => {
    const request = openRequest(application.url, { path: '/photos', length: 150_000 });
    request.send(FORM.subarray(0, 150_000));

    const response = await request.response;
    expect(response).toMatch(/^HTTP\/1\.1 400 /);
    expect(response).toContain('WX_CLOUD_FORM_INVALID');
    await expectNothingLeft(application);
  });

  it('is answered with 408 when its client stalls, and the connection is closed', async () => {
    const request = openStalled('/photos');

    const response = await request.response;
    expect(response).toMatch(/^HTTP\/1\.1 408 /);
    expect(response).toContain('WX_CLOUD_BODY_STALLED');
    expect(response).toMatch(/\r\nconnection: close/i);
    await expectNothingLeft(application);
  });

  it("is answered with 408 behind Nest's own interceptor as well", async () => {
    const response = await openStalled('/engine').response;
    expect(response).toMatch(/^HTTP\/1\.1 408 /);
    expect(response).toContain('WX_CLOUD_BODY_STALLED');
    await expectNothingLeft(application);
  });

  it('does not delete the file of a later request at the same path', async () => {
    const first = application.post('avatar', [
      { field: 'fails', text: 'yes' },
      { field: 'photo', file: PNG },
    ]);
    await until(() => application.emulator.objects.length === 1, 'the first file');
    const later = pngOfSize(1_000);
    expect(await application.post('avatar', [{ field: 'photo', file: later }])).toMatchObject({
      status: 201,
    });
    finish();

    expect(await first).toMatchObject({ status: 500 });
    expect((await application.emulator.readObject('avatars/me.png')).equals(later)).toBe(true);
  });
});

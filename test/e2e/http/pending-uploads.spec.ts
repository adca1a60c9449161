import { Controller, Post, Res, UploadedFile, UseInterceptors } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  WxCloudFileInterceptor,
  WxCloudFilesInterceptor,
  wxCloudUpload,
  type WxCloudUploadedFile,
} from '../../../lib/index.js';
import { ADAPTERS, type Adapter } from '../../support/adapters.js';
import { PNG } from '../../support/forms.js';
import { ScriptedPendingStore } from '../../support/scripted-pending-store.js';
import { until } from '../../support/until.js';
import { startEdgeApplication, type EdgeApplication } from './support/edge-application.js';

interface AnyReply {
  status(code: number): { send(body: object): void };
}

function uploadControllers({ FileInterceptor }: Adapter) {
  const engine = FileInterceptor('photo', { storage: wxCloudUpload() });

  @Controller()
  class PhotosController {
    @Post('ours')
    @UseInterceptors(WxCloudFileInterceptor('photo'))
    ours() {
      return { stored: true };
    }

    @Post('engine')
    @UseInterceptors(engine)
    engine() {
      return { stored: true };
    }

    @Post('sent')
    @UseInterceptors(WxCloudFileInterceptor('photo'))
    sent(@Res() reply: AnyReply) {
      reply.status(201).send({ stored: true });
    }

    @Post('form')
    @UseInterceptors(WxCloudFilesInterceptor('photo'))
    form() {
      return { stored: true };
    }

    @Post('throws')
    @UseInterceptors(WxCloudFileInterceptor('photo'))
    throws(): never {
      throw new Error('the handler failed');
    }

    @Post('keeps')
    @UseInterceptors(engine)
    async keeps(@UploadedFile() photo: WxCloudUploadedFile) {
      await photo.keep();
      throw new Error('failed after the file was recorded');
    }
  }
  return [PhotosController];
}

const SUCCESSES = ['ours', 'engine', 'sent'];

describe.each(ADAPTERS)('the option pending on $name', adapter => {
  let application: EdgeApplication;
  let store: ScriptedPendingStore;
  const start = async (): Promise<void> => {
    store = new ScriptedPendingStore();
    application = await startEdgeApplication({
      adapter,
      controllers: uploadControllers(adapter),
      options: { pending: store } as object,
    });
  };
  afterEach(() => application.close());

  it('records a file, and settles it before the success is sent', async () => {
    await start();
    for (const path of SUCCESSES) {
      store.calls.length = 0;
      expect(await application.post(path)).toMatchObject({ status: 201 });
      const [fileId] = application.emulator.objects.map(object => object.fileId);
      expect(store.calls).toEqual([
        ['add', [fileId]],
        ['settle', [fileId]],
      ]);
      application.emulator.reset();
    }
  });

  it('settles the files of a form in one call', async () => {
    await start();
    const form = ['a.png', 'b.png', 'c.png'].map(name => ({ field: 'photo', file: PNG, name }));
    expect(await application.post('form', form)).toMatchObject({ status: 201 });
    expect(store.callsOf('settle').map(fileIds => fileIds.length)).toEqual([3]);
  });

  it('forgets a file that was deleted with its failed request', async () => {
    await start();
    expect(await application.post('throws')).toMatchObject({ status: 500 });
    await until(() => store.callsOf('settle').length > 0, 'the end of the record');
    expect(application.emulator.objects).toEqual([]);
    expect(store.added.map(({ reason }) => reason)).toEqual(['upload']);
  });

  it('leaves a file that a lost attempt may store again to a sweep', async () => {
    await start();
    const effect = { kind: 'reset', at: 'answer' } as const;
    application.emulator.faults.add({ operation: 'post-object', effect });
    expect(await application.post('throws')).toMatchObject({ status: 500 });
    expect(application.emulator.objects).toEqual([]);
    expect(store.added.map(({ reason }) => reason)).toEqual(['upload', 'orphan']);
    expect(store.callsOf('settle')).toEqual([]);
  });

  it('keeps a file that was settled by keep()', async () => {
    await start();
    expect(await application.post('keeps')).toMatchObject({ status: 500 });
    expect(application.emulator.objects).toHaveLength(1);
    expect(store.calls.map(([method]) => method)).toEqual(['add', 'settle']);
  });

  it('refuses a file that a sweep has claimed', async () => {
    await start();
    for (const path of SUCCESSES) {
      store.answer = method =>
        ({ add: undefined, settle: application.emulator.objects.map(({ fileId }) => fileId) })[
          method
        ];
      expect(await application.post(path)).toMatchObject({
        status: 503,
        body: { errorCode: 'WX_CLOUD_PENDING_LOST' },
      });
      await until(() => application.emulator.objects.length === 0, 'an empty storage');
    }
    expect(store.added.map(({ reason }) => reason)).toContain('orphan');
  });

  it('goes on without a store that fails', async () => {
    await start();
    store.answer = () => Promise.reject(new Error('down'));
    for (const path of SUCCESSES) {
      expect(await application.post(path)).toMatchObject({ status: 201 });
    }
    expect(application.emulator.objects).toHaveLength(SUCCESSES.length);
  });

  it('waits for a store that hangs for a limited time, and only once', async () => {
    await start();
    store.answer = () => new Promise(() => {});
    for (const path of SUCCESSES) {
      expect(await application.post(path)).toMatchObject({ status: 201 });
    }
    expect(application.emulator.objects).toHaveLength(SUCCESSES.length);
    expect(store.calls.length).toBeLessThan(2 * SUCCESSES.length);
  });
});

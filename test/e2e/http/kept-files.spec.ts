import { Controller, Post, UploadedFile, UploadedFiles, UseInterceptors } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  WxCloudFileInterceptor,
  WxCloudFilesInterceptor,
  wxCloudUpload,
  type WxCloudUploadedFile,
} from '../../../lib/index.js';
import { ADAPTERS, type Adapter } from '../../support/adapters.js';
import { PNG } from '../../support/forms.js';
import { until } from '../../support/until.js';
import { startEdgeApplication, type EdgeApplication } from './support/edge-application.js';
import { encodeForm, openRequest } from './support/raw-request.js';
import { useRecordedLedger } from './support/recorded-ledger.js';

const FORM = encodeForm([{ field: 'photo', content: PNG, fileName: 'a.png' }]);

/** Called when a handler has begun; it waits for `work`. */
let begin: () => void;
let work: Promise<void>;
/** The result of `keep` in a handler. */
let kept: Promise<unknown>;
let note: (result: unknown) => void;

const noteKeep = async (file: WxCloudUploadedFile): Promise<void> =>
  note(
    await file.keep().then(
      () => 'kept',
      (error: unknown) => (error as { code?: string }).code,
    ),
  );

function keepingControllers({ FileInterceptor }: Adapter) {
  const ours = WxCloudFileInterceptor('photo');
  const engine = FileInterceptor('photo', { storage: wxCloudUpload() });

  function routesOf(prefix: string, interceptor: typeof ours) {
    @Controller(prefix)
    @UseInterceptors(interceptor)
    class RoutesController {
      @Post('throws')
      async throws(@UploadedFile() photo: WxCloudUploadedFile) {
        await noteKeep(photo);
        throw new Error('failed after the file was recorded');
      }

      @Post('waits')
      async waits(@UploadedFile() photo: WxCloudUploadedFile) {
        await noteKeep(photo);
        begin();
        await work;
      }

      @Post('late')
      async late(@UploadedFile() photo: WxCloudUploadedFile) {
        begin();
        await work;
        await noteKeep(photo);
      }

      @Post('unawaited')
      unawaited(@UploadedFile() photo: WxCloudUploadedFile) {
        void photo.keep();
        return { stored: true };
      }

      @Post('shown')
      shown(@UploadedFile() photo: WxCloudUploadedFile) {
        return { names: Object.keys(photo), copy: structuredClone(photo) };
      }
    }
    return RoutesController;
  }

  @Controller('form')
  @UseInterceptors(WxCloudFilesInterceptor('photo'))
  class FormController {
    @Post()
    async post(@UploadedFiles() photos: readonly WxCloudUploadedFile[]) {
      await photos[1]?.keep();
      await photos[1]?.keep();
      throw new Error('failed after one file was recorded');
    }
  }
  return [routesOf('ours', ours), routesOf('engine', engine), FormController];
}

describe.each(ADAPTERS)('file.keep() on $name', adapter => {
  let application: EdgeApplication;
  let finish: () => void;
  let begun: Promise<void>;
  beforeAll(async () => {
    const controllers = keepingControllers(adapter);
    application = await startEdgeApplication({ adapter, controllers });
  });
  beforeEach(() => {
    kept = new Promise(resolve => (note = resolve));
  });
  afterEach(() => application.emulator.reset());
  afterAll(() => application.close());

  /** Sends a form to a handler that begins and waits. */
  const open = (path: string) => {
    begun = new Promise(resolve => (begin = resolve));
    work = new Promise(resolve => (finish = resolve));
    const request = openRequest(application.url, { path: `/${path}`, length: FORM.byteLength });
    request.send(FORM);
    return request;
  };

  it.each(['ours', 'engine'])('keeps a file whose handler throws: %s', async prefix => {
    expect(await application.post(`${prefix}/throws`)).toMatchObject({ status: 500 });
    expect(await kept).toBe('kept');
    expect(application.emulator.objects).toHaveLength(1);
    expect(application.count('delete-files')).toBe(0);
  });

  it.each(['ours', 'engine'])('keeps a file whose client leaves: %s', async prefix => {
    const request = open(`${prefix}/waits`);
    await begun;
    request.leave();
    await request.response;
    finish();
    await application.post(`${prefix}/shown`);
    expect(application.emulator.objects).toHaveLength(2);
    expect(application.count('delete-files')).toBe(0);
  });

  it.each(['ours', 'engine'])('rejects when the client has left: %s', async prefix => {
    const request = open(`${prefix}/late`);
    await begun;
    request.leave();
    await until(() => application.emulator.objects.length === 0, 'an empty storage');
    finish();
    expect(await kept).toBe('WX_CLOUD_REQUEST_ABORTED');
  });

  it('leaves the other files of the form to the request', async () => {
    const form = ['a.png', 'b.png', 'c.png'].map(name => ({ field: 'photo', file: PNG, name }));
    expect(await application.post('form', form)).toMatchObject({ status: 500 });
    expect(application.emulator.objects).toHaveLength(1);
  });

  it.each(['ours', 'engine'])('shows nothing of itself: %s', async prefix => {
    const { body } = await application.post(`${prefix}/shown`);
    expect(body['names']).not.toContain('keep');
    expect(body['copy']).toMatchObject({ fieldname: 'photo' });
  });

  describe('with a ledger', () => {
    it.each(['ours', 'engine'])('settles the file: %s', async prefix => {
      const ledger = useRecordedLedger(application);
      ledger.answer();
      await application.post(`${prefix}/throws`);
      expect(ledger.events).toEqual(['settled']);
      expect(application.emulator.objects).toHaveLength(1);
      ledger.remove();
    });

    it.each(['ours', 'engine'])('rejects for a lost file, which is deleted: %s', async prefix => {
      const ledger = useRecordedLedger(application);
      ledger.answer(true);
      expect(await application.post(`${prefix}/throws`)).toMatchObject({ status: 500 });
      expect(await kept).toBe('WX_CLOUD_PENDING_LOST');
      await until(() => application.emulator.objects.length === 0, 'an empty storage');
      expect(ledger.events).toEqual(['settled', 'orphaned']);
      ledger.remove();
    });

    it.each(['ours', 'engine'])('fails the response that did not wait: %s', async prefix => {
      const ledger = useRecordedLedger(application);
      ledger.answer(true);
      expect(await application.post(`${prefix}/unawaited`)).toMatchObject({
        status: 503,
        body: { errorCode: 'WX_CLOUD_PENDING_LOST' },
      });
      await until(() => application.emulator.objects.length === 0, 'an empty storage');
      ledger.remove();
    });
  });
});

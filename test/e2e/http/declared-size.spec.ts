import { Body, Controller, Post, UploadedFiles, UseInterceptors } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  WxCloudFilesInterceptor,
  wxCloudUpload,
  type WxCloudHeaderOrField,
  type WxCloudUploadedFile,
} from '../../../lib/index.js';
import { ADAPTERS, type Adapter } from '../../support/adapters.js';
import { makeForm, pngOfSize, type JsonResponse, type FormPart } from '../../support/forms.js';
import { until } from '../../support/until.js';
import {
  expectNothingLeft,
  startEdgeApplication,
  type EdgeApplication,
} from './support/edge-application.js';
import { encodeForm, openRequest } from './support/raw-request.js';

const LIMIT_BYTES = 500_000;
const limits = { fileSize: LIMIT_BYTES };

function photosController({ FileInterceptor }: Adapter) {
  @Controller()
  class PhotosController {
    @Post('header')
    @UseInterceptors(
      WxCloudFilesInterceptor('photo', 3, { limits, declaredSize: { header: 'X-File-Size' } }),
    )
    header(@UploadedFiles() photos: WxCloudUploadedFile[]) {
      return { sizes: photos.map(({ size }) => size) };
    }

    @Post('field')
    @UseInterceptors(
      WxCloudFilesInterceptor('photo', 3, {
        limits,
        declaredSize: { field: 'size' },
        contentTypes: ['image/*'],
      }),
    )
    field(@UploadedFiles() photos: WxCloudUploadedFile[], @Body() body: object) {
      return { sizes: photos.map(({ size }) => size), body };
    }

    @Post('engine')
    @UseInterceptors(
      FileInterceptor('photo', { storage: wxCloudUpload({ declaredSize: { field: 'size' } }) }),
    )
    engine() {
      return { stored: true };
    }
  }
  return PhotosController;
}

const BYTES = 400_000;
const photo = (file = pngOfSize(BYTES)): FormPart => ({ field: 'photo', file });
const size = (bytes: number | string): FormPart => ({ field: 'size', text: String(bytes) });

describe.each(ADAPTERS)('declaredSize on $name', adapter => {
  let application: EdgeApplication;
  beforeAll(async () => {
    application = await startEdgeApplication({
      adapter,
      controllers: [photosController(adapter)],
      // Long enough for a busy machine; some tests wait for it.
      options: { timeouts: { idleMs: 2_000 } },
    });
  });
  afterEach(() => application.emulator.reset());
  afterAll(() => application.close());

  const postWithHeader = async (
    declared: string,
    parts: readonly FormPart[],
  ): Promise<JsonResponse> => {
    const headers = { 'x-file-size': declared };
    const init = { method: 'POST', headers, body: makeForm(parts) };
    const response = await fetch(`${application.url}/header`, init);
    return { status: response.status, body: (await response.json()) as JsonResponse['body'] };
  };

  it('sends a file to the cloud while the client sends it, without a temporary file', async () => {
    const whole = encodeForm([
      { field: 'size', content: String(BYTES) },
      { field: 'photo', content: pngOfSize(BYTES), fileName: 'a.png' },
    ]);
    const request = openRequest(application.url, { path: '/field', length: whole.byteLength });
    request.send(whole.subarray(0, 300_000));

    await until(() => application.count('upload-link') > 0, 'the link');
    expect(await application.countSpoolHandles()).toBe(0);
    request.send(whole.subarray(300_000));

    expect(await request.response).toMatch(/^HTTP\/1\.1 201 /);
    expect(application.emulator.objects).toMatchObject([{ size: BYTES, contentType: 'image/png' }]);
  });

  it.each([
    ['in a header', () => postWithHeader(String(BYTES), [photo()])],
    ['in a field', () => application.post('field', [size(BYTES), photo()])],
    [
      "in a field, behind Nest's own interceptor",
      () => application.post('engine', [size(BYTES), photo()]),
    ],
  ])('stores the file byte for byte %s', async (_, send) => {
    expect(await send()).toMatchObject({ status: 201 });

    const [object] = application.emulator.objects;
    const stored = await application.emulator.readObject(String(object?.cloudPath));
    expect(stored.equals(pngOfSize(BYTES))).toBe(true);
  });

  it.each([
    ['a byte too many', BYTES - 1],
    ['a byte too few', BYTES + 1],
    ['as many bytes as the limit', LIMIT_BYTES],
    ['none', 0],
  ])('rejects a file with %s with 400 and leaves nothing', async (_, declared) => {
    for (const response of [
      await application.post('field', [size(declared), photo()]),
      await postWithHeader(String(declared), [photo()]),
      await application.post('engine', [size(declared), photo()]),
    ]) {
      expect(response).toMatchObject({
        status: 400,
        body: { errorCode: 'WX_CLOUD_SIZE_MISMATCHED' },
      });
    }
    await expectNothingLeft(application);
  });

  it.each(['-1', '1.5', '1e3', '0x10', 'many', '', '4'.repeat(16), '4 0'])(
    'rejects the size %j with 400 before anything was sent',
    async declared => {
      expect(await application.post('field', [size(declared), photo()])).toMatchObject({
        status: 400,
        body: {
          errorCode: 'WX_CLOUD_SIZE_MISMATCHED',
          message: expect.stringContaining(`the field "size", is ${JSON.stringify(declared)}`),
        },
      });
      expect(application.emulator.journal).toEqual([]);
    },
  );

  it('rejects a size above the limit with 413 at once', async () => {
    expect(await application.post('field', [size(LIMIT_BYTES + 1), photo()])).toMatchObject({
      status: 413,
      body: { errorCode: 'WX_CLOUD_FILE_TOO_LARGE' },
    });
    expect(application.emulator.journal).toEqual([]);
  });

  it('rejects a file that exceeds its declared limit with 4xx', async () => {
    const response = await application.post('field', [
      size(LIMIT_BYTES),
      photo(pngOfSize(LIMIT_BYTES + 1)),
    ]);
    expect([400, 413]).toContain(response.status);
    await expectNothingLeft(application);
  });

  it('rejects the type before anything was sent', async () => {
    const html = Buffer.from('<!doctype html>'.padEnd(10_000));
    expect(await application.post('field', [size(10_000), photo(html)])).toMatchObject({
      status: 415,
    });
    expect(application.emulator.journal).toEqual([]);
  });

  it('accepts several files, each with its own size', async () => {
    const files = [pngOfSize(1_000), pngOfSize(70_000), pngOfSize(100)];
    const sizes = files.map(file => file.byteLength);
    const fields = [...sizes.map(size), ...files.map(photo)];
    const between = files.flatMap(file => [size(file.byteLength), photo(file)]);

    expect(await postWithHeader(sizes.join(', '), files.map(photo))).toMatchObject({
      body: { sizes },
    });
    expect(await application.post('field', fields)).toMatchObject({ body: { sizes } });
    expect(await application.post('field', between)).toMatchObject({ body: { sizes } });
    expect(application.emulator.objects).toHaveLength(9);
  });

  it('spools a file whose size is not declared, or declared after it', async () => {
    expect(await application.post('field', [photo()])).toMatchObject({ status: 201 });
    expect(await application.post('field', [photo(), size(1)])).toMatchObject({ status: 201 });
    expect(await application.post('header', [photo()])).toMatchObject({ status: 201 });
    expect(application.emulator.objects).toHaveLength(3);
  });

  it('sends a file once, as it cannot be sent again', async () => {
    application.emulator.faults.add({
      operation: 'post-object',
      effect: { kind: 'cos-error', cosCode: 'SlowDown', status: 503 },
    });

    expect(await application.post('field', [size(BYTES), photo()])).toMatchObject({
      status: 502,
      body: { errorCode: 'WX_CLOUD_UPLOAD_REJECTED' },
    });
    expect(application.count('post-object')).toBe(1);
    await expectNothingLeft(application);
  });

  it.each(['/field', '/header', '/engine'])(
    'leaves nothing when the client leaves in the middle of a file: %s',
    async path => {
      const whole = encodeForm([
        { field: 'size', content: String(BYTES) },
        { field: 'photo', content: pngOfSize(BYTES), fileName: 'a.png' },
      ]);
      const request = openRequest(application.url, {
        path,
        length: whole.byteLength,
        headers: { 'x-file-size': String(BYTES) },
      });
      request.send(whole.subarray(0, 300_000));
      await until(() => application.count('upload-link') > 0, 'the link');
      request.leave();

      await until(() => application.count('post-object') > 0, 'the end of the form to the cloud');
      await expectNothingLeft(application);
    },
  );

  it('responds with 408 when the client stalls', async () => {
    const request = openRequest(application.url, {
      path: '/header',
      length: BYTES,
      headers: { 'x-file-size': String(BYTES) },
    });
    request.send(
      encodeForm([{ field: 'photo', content: pngOfSize(BYTES), fileName: 'a' }]).subarray(
        0,
        200_000,
      ),
    );

    const response = await request.response;
    expect(response).toMatch(/^HTTP\/1\.1 408 /);
    expect(response).toContain('WX_CLOUD_BODY_STALLED');
    await expectNothingLeft(application);
  });
});

describe('declaredSize', () => {
  it.each([{}, { header: '' }, { header: 'a', field: 'b' }, { size: 'a' }, { field: 1 }])(
    'is rejected at startup as %j',
    declaredSize => {
      expect(() => wxCloudUpload({ declaredSize: declaredSize as WxCloudHeaderOrField })).toThrow(
        expect.objectContaining({ code: 'WX_CLOUD_OPTIONS_INVALID', option: 'declaredSize' }),
      );
    },
  );
});

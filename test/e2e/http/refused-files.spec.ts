import { once } from 'node:events';
import { Body, Controller, Post, UploadedFiles, UseInterceptors } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { WxCloudFilesInterceptor, type WxCloudUploadedFile } from '../../../lib/index.js';
import { ADAPTERS, EXPRESS } from '../../support/adapters.js';
import { PNG, pngOfSize } from '../../support/forms.js';
import { until } from '../../support/until.js';
import {
  expectNothingLeft,
  startEdgeApplication,
  type EdgeApplication,
} from './support/edge-application.js';
import { encodeForm, openRequest } from './support/raw-request.js';

const LIMIT_BYTES = 300_000;

@Controller()
class AlbumsController {
  @Post('albums')
  @UseInterceptors(
    WxCloudFilesInterceptor('photos', 5, {
      contentTypes: ['image/*'],
      limits: { fileSize: LIMIT_BYTES, fieldSize: 10 },
    }),
  )
  create(@UploadedFiles() photos: WxCloudUploadedFile[], @Body() body: object) {
    return { sizes: photos.map(({ size }) => size), body };
  }
}

const photo = (file: Buffer) => ({ field: 'photos', file });

describe.each(ADAPTERS)('a form with several files on $name', adapter => {
  let application: EdgeApplication;
  beforeAll(async () => {
    application = await startEdgeApplication({ adapter, controllers: [AlbumsController] });
  });
  afterEach(() => application.emulator.reset());
  afterAll(() => application.close());

  it('may have text before, between and after them', async () => {
    const { status, body } = await application.post('albums', [
      { field: 'title', text: '前' },
      photo(PNG),
      { field: 'tags', text: 'a' },
      photo(pngOfSize(LIMIT_BYTES)),
      { field: 'tags', text: 'b' },
    ]);

    expect({ status, body }).toEqual({
      status: 201,
      body: { sizes: [PNG.byteLength, LIMIT_BYTES], body: { title: '前', tags: ['a', 'b'] } },
    });
  });

  it.each([
    [
      'is of the wrong type',
      { status: 415, errorCode: 'WX_CLOUD_TYPE_REFUSED' },
      Buffer.from('<html>'),
    ],
    [
      'has a byte too many',
      { status: 413, errorCode: 'WX_CLOUD_FILE_TOO_LARGE' },
      pngOfSize(LIMIT_BYTES + 1),
    ],
  ])('leaves none of them when a later one %s', async (_, { status, errorCode }, bad) => {
    const response = await application.post('albums', [
      photo(PNG),
      photo(pngOfSize(100_000)),
      photo(bad),
      photo(PNG),
    ]);

    expect(response).toMatchObject({ status, body: { errorCode } });
    expect(application.emulator.objects).toEqual([]);
    await expectNothingLeft(application);
  });

  it('leaves none of them when a text field after them is too long', async () => {
    const response = await application.post('albums', [
      photo(PNG),
      photo(PNG),
      { field: 'title', text: 'eleven byte' },
    ]);

    expect(response).toMatchObject({ status: 400, body: { errorCode: 'WX_CLOUD_FORM_INVALID' } });
    await expectNothingLeft(application);
  });

  it('leaves none of them when the cloud refuses the second one', async () => {
    application.emulator.faults.add({
      operation: 'post-object',
      effect: { kind: 'cos-error', cosCode: 'PaymentRequired', status: 402 },
      after: 1,
    });

    const { status, body } = await application.post('albums', [photo(PNG), photo(PNG), photo(PNG)]);

    expect({ status, body }).toMatchObject({
      status: 502,
      body: { errorCode: 'WX_CLOUD_UPLOAD_REJECTED' },
    });
    expect(JSON.stringify(body)).not.toContain('PaymentRequired');
    expect(application.emulator.objects).toEqual([]);
    await expectNothingLeft(application);
  });

  it('leaves none of them when it is aborted after the first ones', async () => {
    const whole = encodeForm(
      [PNG, PNG].map(content => ({ field: 'photos', content, fileName: 'a.png' })),
    );
    const cut = whole.subarray(0, -20);
    const request = openRequest(application.url, { path: '/albums', length: cut.byteLength });
    request.send(cut);

    expect(await request.response).toMatch(/^HTTP\/1\.1 400 /);
    await expectNothingLeft(application);
  });
});

describe('a form on express, where files are stored in parallel', () => {
  let application: EdgeApplication;
  beforeAll(async () => {
    application = await startEdgeApplication({ adapter: EXPRESS, controllers: [AlbumsController] });
  });
  afterAll(() => application.close());

  it('reports the rejected file, not those aborted because of it', async () => {
    const { emulator } = application;
    emulator.faults.add({ operation: 'delete-files', effect: { kind: 'delay', delayMs: 200 } });
    emulator.faults.add({
      operation: 'upload-link',
      effect: { kind: 'hang', at: 'request' },
      after: 1,
    });
    const files = [PNG, PNG, Buffer.from('<html>')];
    const form = encodeForm(
      files.map(content => ({ field: 'photos', content, fileName: 'a.png' })),
    );
    // A file has ended only once the next one begins.
    const secondPart = form.indexOf('--boundary', 10) + 200;
    const request = openRequest(application.url, { path: '/albums', length: form.byteLength });
    await once(request.socket, 'connect');

    request.send(form.subarray(0, secondPart));
    await until(() => emulator.objects.length === 1, 'a stored file');
    request.send(form.subarray(secondPart));

    expect(await request.response).toMatch(/^HTTP\/1\.1 415 /);
    await expectNothingLeft(application);
  });
});

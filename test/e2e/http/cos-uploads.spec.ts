import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import {
  BadRequestException,
  Controller,
  Get,
  Post,
  StreamableFile,
  UploadedFile,
  UseInterceptors,
} from '@nestjs/common';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { WxCloudEmulator } from '../../../lib/emulator/index.js';
import {
  WxCloudFileInterceptor,
  type WxCloudStorageOptions,
  WxCloudReplyInterceptor,
  type WxCloudUploadedFile,
} from '../../../lib/index.js';
import { ADAPTERS } from '../../support/adapters.js';
import { startApplication, type TestApplication } from '../../support/application.js';
import { pngOfSize } from '../../support/forms.js';
import { until } from '../../support/until.js';
import { encodeForm, openRequest, type RawPart } from './support/raw-request.js';

const MIB = 1_048_576;
const PHOTO = pngOfSize(3 * MIB + 5);

@Controller()
class PhotosController {
  @Post('photos')
  @UseInterceptors(WxCloudFileInterceptor('photo', { path: 'photos/' }))
  create(@UploadedFile() { size, contentType }: WxCloudUploadedFile) {
    return { size, contentType };
  }

  @Post('refused')
  @UseInterceptors(WxCloudFileInterceptor('photo', { path: 'photos/' }))
  refuse() {
    throw new BadRequestException('no');
  }

  @Post('typed')
  @UseInterceptors(WxCloudFileInterceptor('photo', { contentTypes: ['application/pdf'] }))
  typed() {
    return {};
  }

  @Post('limited')
  @UseInterceptors(
    WxCloudFileInterceptor('photo', { path: 'photos/', limits: { fileSize: 2 * MIB } }),
  )
  limited() {
    return {};
  }

  @Post('sized')
  @UseInterceptors(WxCloudFileInterceptor('photo', { path: ({ size, uuid }) => `${size}/${uuid}` }))
  sized(@UploadedFile() { cloudPath }: WxCloudUploadedFile) {
    return { folder: cloudPath.split('/')[0] };
  }

  @Get('reply')
  @UseInterceptors(WxCloudReplyInterceptor({ path: 'replies/', whenOverBytes: 1_000 }))
  reply() {
    return new StreamableFile(Readable.from([PHOTO]));
  }
}

function form(...more: readonly RawPart[]): Buffer {
  return encodeForm([{ field: 'photo', content: PHOTO, fileName: 'a.png' }, ...more]);
}

const FORM = form();

describe.each(ADAPTERS)('forms with the option cos, on $name', adapter => {
  let folder: string;
  let application: TestApplication;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'wx-cloud-cos-'));
    const options = ({ bucket, cosEndpoint: endpoint, sidecarUrl }: WxCloudEmulator) =>
      ({
        appid: undefined,
        secret: undefined,
        auth: { type: 'open-api-service' },
        apiBaseUrl: sidecarUrl,
        cos: { bucket, endpoint, partBytes: MIB },
        upload: { spoolDirectory: folder },
      }) as Partial<WxCloudStorageOptions>;
    application = await startApplication({ adapter, controllers: [PhotosController], options });
  });
  afterEach(() => application.emulator.reset());
  afterAll(async () => {
    await application.close();
    await rm(folder, { recursive: true });
  });

  /** Counts accepted requests: those with keys from before the last reset are refused. */
  const countOf = (operation: string): number =>
    application.emulator.journal.filter(
      entry => entry.operation === operation && Number(entry.status) < 300,
    ).length;
  const post = async (path: string, body = FORM): Promise<string> => {
    const request = openRequest(application.url, { path, length: body.byteLength });
    request.send(body);
    return request.response;
  };
  const expectNothingStored = async (): Promise<void> => {
    const { emulator } = application;
    await until(() => emulator.objects.length === 0, 'an empty storage');
    const ended = (): number =>
      countOf('abort-multipart-upload') + countOf('complete-multipart-upload');
    await until(() => countOf('initiate-multipart-upload') === ended(), 'no unfinished upload');
    await expect(readdir(folder)).resolves.toEqual([]);
  };
  const expectStored = async (): Promise<void> => {
    const { emulator } = application;
    expect(emulator.objects).toMatchObject([{ fileIdAlive: true }]);
    const stored = await emulator.readObject(String(emulator.objects[0]?.cloudPath));
    expect(stored.equals(PHOTO)).toBe(true);
  };

  it('stores a file without a link and without a temporary file', async () => {
    const response = await post('/photos');
    expect(response).toContain(`{"size":${PHOTO.byteLength},"contentType":"image/png"}`);
    expect(countOf('upload-link')).toBe(0);
    await expectStored();
  });

  it('sends a part while the client still sends, and completes after the end of the form', async () => {
    const request = openRequest(application.url, { path: '/photos', length: FORM.byteLength });
    request.send(FORM.subarray(0, 2 * MIB));
    await until(() => countOf('upload-part') >= 1);
    request.send(FORM.subarray(2 * MIB, -4));
    await until(() => countOf('upload-part') >= 3);
    expect(countOf('complete-multipart-upload')).toBe(0);
    request.send(FORM.subarray(-4));
    expect(await request.response).toContain(' 201 ');
    await expectStored();
  });

  it('stores a file that another field follows', async () => {
    expect(await post('/photos', form({ field: 'note', content: 'b' }))).toContain(' 201 ');
    await expectStored();
  });

  it('knows the size where the path depends on it', async () => {
    expect(await post('/sized')).toContain(`{"folder":"${PHOTO.byteLength}"}`);
    await expectStored();
  });

  it.each([
    ['in the first part', 500_000],
    ['between two parts', MIB + 100_000],
    ['before the last boundary', FORM.byteLength - 10],
  ])('leaves nothing of a client that goes away %s', async (_, length) => {
    const request = openRequest(application.url, { path: '/photos', length: FORM.byteLength });
    request.send(FORM.subarray(0, length));
    await until(() => countOf('upload-part') >= Math.floor((length - 70_000) / MIB));
    request.leave();
    await request.response;
    await expectNothingStored();
  });

  it.each([
    ['a handler that refuses it', '/refused', FORM, 400],
    ['a refused type', '/typed', FORM, 415],
    ['a file that is too large', '/limited', FORM, 413],
    [
      'a form that is malformed behind it',
      '/photos',
      Buffer.concat([FORM.subarray(0, -6), Buffer.alloc(6)]),
      400,
    ],
  ])('leaves nothing after %s', async (_, path, body, status) => {
    expect(await post(path, body)).toContain(` ${status} `);
    await expectNothingStored();
  });

  it('stores a reply of unknown length', async () => {
    const response = await fetch(`${application.url}/reply`);
    await expect(response.json()).resolves.toMatchObject({ size: PHOTO.byteLength });
    await expectStored();
  });
});

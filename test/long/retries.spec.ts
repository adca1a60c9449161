import { Controller, Post, UploadedFile, UseInterceptors } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { WxCloudEmulatorFaultEffect } from '../../lib/emulator/index.js';
import { WxCloudFileInterceptor, type WxCloudUploadedFile } from '../../lib/index.js';
import { ADAPTERS } from '../support/adapters.js';
import { pngOfSize } from '../support/forms.js';
import {
  expectNothingLeft,
  startEdgeApplication,
  type EdgeApplication,
} from '../e2e/http/support/edge-application.js';
import { encodeForm, openRequest } from '../e2e/http/support/raw-request.js';
import { isStoring } from '../e2e/http/support/watched-forms.js';

@Controller()
class PhotosController {
  @Post('photos')
  @UseInterceptors(WxCloudFileInterceptor('photo'))
  create(@UploadedFile() photo: WxCloudUploadedFile) {
    return photo;
  }
}

const TRANSIENT: readonly (readonly [string, WxCloudEmulatorFaultEffect])[] = [
  ['is busy', { kind: 'cos-error', cosCode: 'SlowDown', status: 503 }],
  ['takes the form for too slow', { kind: 'cos-error', cosCode: 'RequestTimeout', status: 400 }],
  ['fails without a word', { kind: 'status', status: 500 }],
  ['cuts the connection in mid-file', { kind: 'reset', at: 'request', afterBytes: 50_000 }],
  ['stores the file and cuts the connection', { kind: 'reset', at: 'answer' }],
  ['stores the file and does not answer', { kind: 'hang', at: 'answer' }],
];
const SIZES = [
  ['in memory', 20_000],
  ['in a temporary file', 200_000],
] as const;

describe.each(ADAPTERS)('the retries of an upload on $name', adapter => {
  let application: EdgeApplication;
  beforeAll(async () => {
    application = await startEdgeApplication({
      adapter,
      controllers: [PhotosController],
      options: { timeouts: { headersMs: 100 } },
    });
  });
  afterEach(() => application.emulator.reset());
  afterAll(() => application.close());

  describe.each(SIZES)('a file kept %s', (_, size) => {
    const file = pngOfSize(size);
    const upload = () => application.post('photos', [{ field: 'photo', file }]);

    it.each(TRANSIENT)(
      'is sent again to the same path with a fresh link when the cloud %s',
      async (__, effect) => {
        const { emulator } = application;
        emulator.faults.add({ operation: 'post-object', effect });

        const { status, body } = await upload();

        expect(status).toBe(201);
        const { cloudPath } = body as unknown as WxCloudUploadedFile;
        expect(emulator.objects).toMatchObject([{ cloudPath, size, fileIdAlive: true }]);
        expect((await emulator.readObject(cloudPath)).equals(file)).toBe(true);
        const links = emulator.journal.filter(({ operation }) => operation === 'upload-link');
        expect(links.length).toBeGreaterThanOrEqual(2);
      },
    );

    it.each(TRANSIENT)('leaves nothing when the cloud %s every time', async (__, effect) => {
      application.emulator.faults.add({ operation: 'post-object', effect, times: 3 });

      expect((await upload()).status).toBeGreaterThanOrEqual(502);
      expect(application.count('post-object')).toBe(3);
      await expectNothingLeft(application);
    });
  });

  it('store nothing of an aborted form', async () => {
    const form = encodeForm([{ field: 'photo', content: pngOfSize(200_000), fileName: 'a.png' }]);
    const request = openRequest(application.url, { path: '/photos', length: 150_000 });
    request.send(form.subarray(0, 150_000));

    expect(await request.response).toMatch(/^HTTP\/1\.1 400 /);
    expect(application.emulator.journal.filter(isStoring)).toEqual([]);
  });
});

import {
  BadRequestException,
  Body,
  Controller,
  Get,
  Post,
  StreamableFile,
  UploadedFile,
  UseInterceptors,
} from '@nestjs/common';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Readable } from 'node:stream';
import { PROCESS_USE } from '../../lib/body/memory-budget.js';
import {
  WxCloudFileInterceptor,
  WxCloudReplyInterceptor,
  wxCloudUpload,
  type WxCloudUploadedFile,
} from '../../lib/index.js';
import { ADAPTERS, type Adapter } from '../support/adapters.js';
import { pngOfSize } from '../support/forms.js';
import { until } from '../support/until.js';
import {
  expectNothingLeft,
  startEdgeApplication,
  type EdgeApplication,
} from '../e2e/http/support/edge-application.js';
import {
  encodeForm,
  openRequest,
  type RawPart,
  type RawRequest,
} from '../e2e/http/support/raw-request.js';

const BUDGET_BYTES = 524_288;
const DISK_BYTES = 4_194_304;
const KIB = 1_024;

@Controller()
class FilesController {
  @Post('photo')
  @UseInterceptors(WxCloudFileInterceptor('photo', { contentTypes: ['image/*'] }))
  photo(@UploadedFile() { size, fileId }: WxCloudUploadedFile) {
    return { size, fileId };
  }

  @Post('declared')
  @UseInterceptors(WxCloudFileInterceptor('photo', { declaredSize: { header: 'x-size' } }))
  declared(@UploadedFile() { size, fileId }: WxCloudUploadedFile) {
    return { size, fileId };
  }

  @Post('failing')
  @UseInterceptors(WxCloudFileInterceptor('photo'))
  failing() {
    throw new BadRequestException();
  }

  @Post('small')
  @UseInterceptors(WxCloudFileInterceptor('photo', { limits: { fileSize: 100_000 } }))
  small() {
    return {};
  }

  @Post('text')
  @UseInterceptors(WxCloudFileInterceptor('photo', { required: false }))
  text(@Body() body: object) {
    return { fields: Object.keys(body).length };
  }

  @Get('reply')
  @UseInterceptors(WxCloudReplyInterceptor({ whenOverBytes: 1_000_000 }))
  response() {
    return new StreamableFile(Readable.from([Buffer.alloc(300_000, 'x'), Buffer.alloc(1)]));
  }
}

/** A route behind Nest's own form parser. */
function engineController({ FileInterceptor }: Adapter) {
  @Controller()
  class EngineController {
    @Post('engine')
    @UseInterceptors(FileInterceptor('photo', { storage: wxCloudUpload() }))
    engine(@UploadedFile() { size, fileId }: WxCloudUploadedFile) {
      return { size, fileId };
    }
  }
  return EngineController;
}

const photoOf = (size: number): RawPart => ({
  field: 'photo',
  content: pngOfSize(size),
  fileName: 'a.png',
});
const textOf = (size: number): RawPart => ({ field: 'text', content: 'x'.repeat(size) });

/** A request that stops after a part of its form. */
interface StalledRequest {
  readonly request: RawRequest;
  readonly goOn: () => void;
}

describe.each(ADAPTERS)('memory and disk limits on $name', adapter => {
  let application: EdgeApplication;
  beforeAll(async () => {
    application = await startEdgeApplication({
      adapter,
      controllers: [FilesController, engineController(adapter)],
      options: {
        timeouts: { idleMs: 60_000 },
        upload: {
          memoryBudgetBytes: BUDGET_BYTES,
          memoryLimitBytes: 200_000,
          diskBudgetBytes: DISK_BYTES,
        },
      },
    });
  });
  afterEach(async () => {
    await until(() => PROCESS_USE.usedBytes === 0, 'no memory held');
    await until(() => PROCESS_USE.movable.size + PROCESS_USE.moving.size === 0, 'no holder left');
    await application.emulator.reset();
  });
  afterAll(() => application.close());

  const stall = (
    path: string,
    parts: readonly RawPart[],
    { sentBytes, headers = {} }: { sentBytes: number; headers?: Record<string, string> },
  ): StalledRequest => {
    const form = encodeForm(parts);
    const request = openRequest(application.url, { path, length: form.byteLength, headers });
    request.send(form.subarray(0, sentBytes));
    return { request, goOn: () => request.send(form.subarray(sentBytes)) };
  };

  const send = (path: string, parts: readonly RawPart[]): Promise<string> => {
    const { request, goOn } = stall(path, parts, { sentBytes: 0 });
    goOn();
    return request.response;
  };

  it.each([
    ['of unknown size', 'photo', {}],
    ['of declared size', 'declared', { 'x-size': String(80 * KIB) }],
    ['for the storage engine', 'engine', {}],
  ])(
    'spool the files of stalled clients to disk, and respond once they go on: %s',
    async (_, path, headers) => {
      const COUNT = 20;
      const stalled = Array.from({ length: COUNT }, () =>
        stall(`/${path}`, [photoOf(80 * KIB)], { sentBytes: 60 * KIB, headers }),
      );
      // The budget holds seven of them.
      await until(
        async () => (await application.countSpoolHandles()) >= COUNT - 7,
        'most of them on disk',
        30,
      );
      await until(() => PROCESS_USE.usedBytes <= BUDGET_BYTES, 'no more than the budget held');

      for (const { goOn } of stalled) goOn();
      const responses = await Promise.all(stalled.map(({ request }) => request.response));
      expect(responses.map(response => response.slice(0, 12))).toEqual(
        responses.map(() => 'HTTP/1.1 201'),
      );
      const sizes = application.emulator.objects.map(({ size }) => size);
      expect(sizes).toEqual(Array.from({ length: COUNT }, () => 80 * KIB));
      expect(await application.countSpoolHandles()).toBe(0);
    },
    60_000,
  );

  it('reject a form with 503 before it is read while text holds all memory', async () => {
    const texts = stall('/text', [textOf(250_000)], { sentBytes: 249_000 });
    await until(() => PROCESS_USE.usedBytes > BUDGET_BYTES * 0.94, 'nearly all held');

    const late = stall('/photo', [photoOf(KIB)], { sentBytes: 0 });
    const response = await late.request.response;
    expect(response).toMatch(/^HTTP\/1\.1 503 /);
    expect(response).toMatch(/\r\nretry-after: [1-9]\d?\r\n/i);
    expect(response).toContain('"errorCode":"WX_CLOUD_CAPACITY_EXCEEDED"');

    texts.goOn();
    expect(await texts.request.response).toMatch(/^HTTP\/1\.1 201 /);
    expect(await send('/photo', [photoOf(KIB)])).toMatch(/^HTTP\/1\.1 201 /);
  });

  it('reject a file of the storage engine with 503', async () => {
    const texts = stall('/text', [textOf(250_000)], { sentBytes: 249_000 });
    await until(() => PROCESS_USE.usedBytes > BUDGET_BYTES * 0.94, 'nearly all held');
    expect(await send('/engine', [photoOf(KIB)])).toMatch(/^HTTP\/1\.1 503 .*\r\nretry-after: /is);
    texts.request.leave();
    await until(() => PROCESS_USE.usedBytes === 0, 'the text gone');
    expect(await send('/engine', [photoOf(KIB)])).toMatch(/^HTTP\/1\.1 201 /);
  });

  it('reject text with 503 and keep no file beside it', async () => {
    const texts = stall('/text', [textOf(200_000)], { sentBytes: 199_000 });
    await until(() => PROCESS_USE.usedBytes > 390_000, 'the text held');
    const response = await send('/text', [photoOf(KIB), textOf(100_000)]);
    expect(response).toMatch(/^HTTP\/1\.1 503 .*\r\nretry-after: /is);
    texts.request.leave();
    await expectNothingLeft(application);
  });

  it('reject a small reply with 503', async () => {
    const texts = stall('/text', [textOf(200_000)], { sentBytes: 199_000 });
    await until(() => PROCESS_USE.usedBytes > 390_000, 'the text held');
    const refused = await fetch(`${application.url}/reply`);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '2']);
    await refused.arrayBuffer();
    texts.request.leave();
    await until(() => PROCESS_USE.usedBytes === 0, 'the text gone');
    const taken = await fetch(`${application.url}/reply`);
    expect([taken.status, (await taken.arrayBuffer()).byteLength]).toEqual([200, 300_001]);
  });

  it.each<[string, string, readonly RawPart[], number]>([
    ['stored from memory', '/photo', [textOf(10), photoOf(10 * KIB)], 201],
    ['stored from disk', '/photo', [textOf(10), photoOf(600 * KIB)], 201],
    ['refused for its type', '/photo', [textOf(10), { ...photoOf(KIB), content: 'text' }], 415],
    ['too large', '/small', [textOf(10), photoOf(400 * KIB)], 413],
    ['of a request whose handler fails', '/failing', [textOf(10), photoOf(10 * KIB)], 400],
    ['in a wrong field', '/photo', [textOf(10), { ...photoOf(KIB), field: 'other' }], 400],
  ])('hold nothing of a file %s', async (_, path, parts, status) => {
    expect(await send(path, parts)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    await until(() => PROCESS_USE.usedBytes === 0, 'no memory held');
  });

  it.each([30 * KIB, 300 * KIB])(
    'hold nothing of a client that leaves after %d bytes',
    async sent => {
      const { request } = stall('/photo', [textOf(10), photoOf(400 * KIB)], { sentBytes: sent });
      await until(() => PROCESS_USE.usedBytes > 0, 'some of it held');
      request.leave();
      await expectNothingLeft(application);
    },
  );

  it('reject a file larger than the disk budget with 507, leaving nothing', async () => {
    const response = await send('/photo', [photoOf(DISK_BYTES + 1)]);
    expect(response).toMatch(/^HTTP\/1\.1 507 /);
    expect(response).toContain('"errorCode":"WX_CLOUD_SPOOL_FAILED"');
    await expectNothingLeft(application);
    expect(await send('/photo', [photoOf(DISK_BYTES)])).toMatch(/^HTTP\/1\.1 201 /);
  });
});

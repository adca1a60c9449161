import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { get, IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import {
  Controller,
  Get,
  Post,
  Query,
  Req,
  Res,
  StreamableFile,
  UploadedFile,
  UseInterceptors,
} from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  WxCloudFileInterceptor,
  WxCloudReplyInterceptor,
  WxCloudStorageService,
  type WxCloudServedRequest,
  type WxCloudServedResponse,
  type WxCloudUploadedFile,
} from '../../../lib/index.js';
import { ADAPTERS } from '../../support/adapters.js';
import { startApplication, type TestApplication } from '../../support/application.js';
import { pngOfSize } from '../../support/forms.js';
import { TraceRecorder } from '../../support/traces.js';
import { until } from '../../support/until.js';

const BYTES = 400_000;
/** More than the sockets of a client and a server hold. */
const LARGE_BYTES = 30_000_000;

@Controller()
class PhotosController {
  constructor(private readonly storage: WxCloudStorageService) {}

  @Get('served')
  serve(
    @Query('fileId') fileId: string,
    @Req() request: WxCloudServedRequest,
    @Res() response: WxCloudServedResponse,
  ) {
    return this.storage.serve(fileId, { request, response });
  }

  @Get('returned')
  return(@Query('fileId') fileId: string) {
    return this.storage.serve(fileId);
  }

  @Post('photos')
  @UseInterceptors(WxCloudFileInterceptor('photo'))
  create(@UploadedFile() { size }: WxCloudUploadedFile) {
    return { size };
  }

  @Post('reports')
  @UseInterceptors(WxCloudReplyInterceptor())
  report() {
    return new StreamableFile(Buffer.alloc(BYTES));
  }

  @Post('broken')
  @UseInterceptors(WxCloudReplyInterceptor())
  broken() {
    return new StreamableFile(createReadStream('/no/such/file'));
  }
}

describe.each(ADAPTERS)('the diagnostics channels on $name', adapter => {
  let application: TestApplication;
  let traces: TraceRecorder;

  beforeEach(async () => {
    application = await startApplication({ adapter, controllers: [PhotosController] });
    traces = new TraceRecorder();
  });
  afterEach(async () => {
    traces.stop();
    await application.close();
  });

  const expectOneUpload = (): void => {
    const { env } = application.emulator;
    const durationMs = expect.any(Number);
    expect(traces.eventsOf('upload')).toEqual([{ env, size: BYTES, tries: 1, durationMs }]);
    const paths = traces.operations.map(each => traces.pathOf(each));
    expect(paths.toSorted()).toEqual([
      'upload',
      'upload > /tcb/uploadfile',
      'upload > POST object',
      'upload > token',
      'upload > token > /cgi-bin/stable_token',
    ]);
  };

  it('publish one upload for each file of a form, with its link', async () => {
    const form = new FormData();
    form.append('photo', new Blob([pngOfSize(BYTES)]), 'a.png');
    const response = await fetch(`${application.url}/photos`, { method: 'POST', body: form });
    await expect(response.json()).resolves.toEqual({ size: BYTES });
    expectOneUpload();
  });

  it('publish one upload for a stored reply', async () => {
    const response = await fetch(`${application.url}/reports`, { method: 'POST' });
    expect(response.status).toBe(201);
    expectOneUpload();
  });

  it('publish the upload of a reply that fails at its beginning', async () => {
    const response = await fetch(`${application.url}/broken`, { method: 'POST' });
    expect(response.status).toBe(500);
    expect(traces.eventsOf('upload')).toMatchObject([
      { size: 0, tries: 0, code: 'WX_CLOUD_BODY_FAILED' },
    ]);
  });

  it('publish a served file whose response was sent before as failed', async () => {
    const { storage } = application;
    const { fileId } = await storage.upload('a.bin', Buffer.alloc(BYTES));
    const response = new ServerResponse(new IncomingMessage(new Socket()));
    response.flushHeaders();
    const serving = storage.serve(fileId, { request: { method: 'GET', headers: {} }, response });
    const code = 'WX_CLOUD_ARGUMENT_INVALID';
    await expect(serving).rejects.toMatchObject({ code });
    await until(() => traces.of('download')[0]?.stages.includes('asyncEnd') === true);
    expect(traces.eventsOf('download')).toMatchObject([{ code }]);
  });

  it.each(['served', 'returned'])('publish a %s file that its client leaves', async path => {
    const { storage, url } = application;
    const { fileId } = await storage.upload('a.bin', Buffer.alloc(LARGE_BYTES));
    const request = get(`${url}/${path}?fileId=${encodeURIComponent(fileId)}`);
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    response.destroy();
    await until(() => traces.of('download')[0]?.stages.includes('asyncEnd') === true);
    const [download] = traces.of('download');
    expect(download?.event).toMatchObject({ wasLeft: true });
    expect(download?.event).not.toHaveProperty('code');
    expect(download?.event['size']).toBeLessThan(LARGE_BYTES);
  });
});

import {
  Controller,
  Get,
  Head,
  HttpException,
  Param,
  Post,
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
  wxCloudUpload,
  type WxCloudServedResponse,
  type WxCloudServedRequest,
  type WxCloudUploadedFile,
} from '../../lib/index.js';
import type { Adapter } from '../support/adapters.js';
import { PNG } from '../support/forms.js';
import { BRIDGES, type BridgedRequest } from '../e2e/http/support/bridges.js';
import {
  startEdgeApplication,
  type EdgeApplication,
} from '../e2e/http/support/edge-application.js';
import { encodeForm } from '../e2e/http/support/raw-request.js';

function photosController({ FileInterceptor }: Adapter) {
  const ours = WxCloudFileInterceptor('photo');
  const engine = FileInterceptor('photo', { storage: wxCloudUpload() });
  const reply = WxCloudReplyInterceptor({ path: 'out/' });

  @Controller()
  class PhotosController {
    constructor(private readonly storage: WxCloudStorageService) {}

    @Post('ours')
    @UseInterceptors(ours)
    ours(@UploadedFile() photo: WxCloudUploadedFile) {
      return { fileId: photo.fileId };
    }

    @Post('ours-streamed')
    @UseInterceptors(ours)
    streamed() {
      return new StreamableFile(PNG);
    }

    @Post('ours-fails')
    @UseInterceptors(ours)
    oursFails(): never {
      throw new HttpException('refused', 422);
    }

    @Post('engine')
    @UseInterceptors(engine)
    engine(@UploadedFile() photo: WxCloudUploadedFile) {
      return { fileId: photo.fileId };
    }

    @Post('engine-fails')
    @UseInterceptors(engine)
    engineFails(): never {
      throw new HttpException('refused', 422);
    }

    @Get('reply')
    @UseInterceptors(reply)
    reply() {
      return PNG;
    }

    @Get('served/:name')
    @Head('served/:name')
    async serve(
      @Param('name') name: string,
      @Req() request: WxCloudServedRequest,
      @Res() response: WxCloudServedResponse,
    ) {
      const { fileId } = await this.storage.upload(`served/${name}`, 'some text');
      await this.storage.serve(fileId, { request, response });
    }
  }
  return PhotosController;
}

const FORM = encodeForm([{ field: 'photo', content: PNG, fileName: 'a.png' }]);

describe.each(BRIDGES)(
  'the interceptors behind $name',
  ({ adapter, hidesRequest = false, send }) => {
    const routes = hidesRequest && adapter.name === 'fastify' ? ['ours'] : ['ours', 'engine'];
    let application: EdgeApplication;
    beforeEach(async () => {
      application = await startEdgeApplication({
        adapter,
        controllers: [photosController(adapter)],
      });
    });
    afterEach(() => application.close());

    const call = (path: string, method: BridgedRequest['method'] = 'GET') =>
      send(application, { method, path, headers: {}, body: Buffer.alloc(0) });
    const postForm = (path: string) =>
      send(application, {
        method: 'POST',
        path,
        headers: {
          'content-type': 'multipart/form-data; boundary=boundary',
          'content-length': String(FORM.byteLength),
        },
        body: FORM,
      });
    /** Waits, by closing, for pending deletions of a request. */
    const remaining = async (): Promise<readonly string[]> => {
      await application.app.close();
      return application.emulator.objects.map(({ fileId }) => fileId);
    };

    it.each(routes)('keep the file of a successful response: %s', async path => {
      const { status, body } = await postForm(`/${path}`);

      expect(status).toBe(201);
      expect(await remaining()).toEqual([(JSON.parse(body) as { fileId: string }).fileId]);
    });

    it('keep the file of a streamed response', async () => {
      expect(await postForm('/ours-streamed')).toMatchObject({ status: 201 });
      expect(await remaining()).toHaveLength(1);
    });

    it.each(routes)('leave nothing of a failed handler: %s', async path => {
      expect(await postForm(`/${path}-fails`)).toMatchObject({ status: 422 });
      expect(await remaining()).toEqual([]);
      expect(application.count('post-object')).toBe(1);
    });

    it('keep a stored reply', async () => {
      const { status, body } = await call('/reply');

      expect(status).toBe(200);
      expect(await remaining()).toEqual([(JSON.parse(body) as { fileId: string }).fileId]);
    });

    it('serve a file', async () => {
      expect(await call('/served/a.txt')).toMatchObject({ status: 200, body: 'some text' });
      expect(await call('/served/b.txt', 'HEAD')).toMatchObject({ status: 200, body: '' });
    });
  },
);

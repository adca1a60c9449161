import {
  Body,
  Controller,
  Post,
  UploadedFile,
  UploadedFiles,
  UseInterceptors,
} from '@nestjs/common';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  FileId,
  FileIds,
  WxCloudAnyFilesInterceptor,
  WxCloudFileFieldsInterceptor,
  WxCloudFileInterceptor,
  WxCloudFilesInterceptor,
  wxCloudUpload,
  type WxCloudUploadedFile,
} from '../../../lib/index.js';
import { ADAPTERS, type Adapter } from '../../support/adapters.js';
import { startApplication, type TestApplication } from '../../support/application.js';
import { PNG, pngOfSize, postForm } from '../../support/forms.js';

const LIMITS = { fileSize: 200_000 };

function uploadsController({ FileInterceptor }: Adapter) {
  @Controller('uploads')
  class UploadsController {
    @Post('one')
    @UseInterceptors(
      WxCloudFileInterceptor('photo', {
        path: 'photos/',
        contentTypes: ['image/*'],
        limits: LIMITS,
      }),
    )
    one(
      @UploadedFile() photo: WxCloudUploadedFile,
      @FileId() fileId: string,
      @Body() body: object,
    ) {
      return { fileId, photo, body };
    }

    @Post('optional')
    @UseInterceptors(WxCloudFileInterceptor('photo', { required: false }))
    optional(@UploadedFile() photo: WxCloudUploadedFile | undefined, @FileId() fileId?: string) {
      return { hasPhoto: photo !== undefined, hasFileId: fileId !== undefined };
    }

    @Post('several')
    @UseInterceptors(WxCloudFilesInterceptor('photos', 3, { path: 'albums/' }))
    several(
      @UploadedFiles() photos: WxCloudUploadedFile[],
      @FileIds() fileIds: string[],
      @FileId() first: string,
    ) {
      return { fileIds, first, names: photos.map(({ originalname }) => originalname) };
    }

    @Post('fields')
    @UseInterceptors(
      WxCloudFileFieldsInterceptor([
        { name: 'cover', maxCount: 1 },
        { name: 'pages', maxCount: 2 },
      ]),
    )
    fields(
      @UploadedFiles() files: Record<string, WxCloudUploadedFile[]>,
      @FileIds() all: string[],
      @FileIds('pages') pages: string[],
    ) {
      return { fields: Object.keys(files), all, pages };
    }

    @Post('any')
    @UseInterceptors(WxCloudAnyFilesInterceptor())
    any(@UploadedFiles() files: WxCloudUploadedFile[]) {
      return { fields: files.map(({ fieldname }) => fieldname) };
    }

    @Post('custom-path')
    @UseInterceptors(
      WxCloudFileInterceptor('photo', {
        path: (file, request) =>
          `by-hand/${request.headers['x-folder']}/${file.size}.${file.extension}`,
      }),
    )
    customPath(@UploadedFile() photo: WxCloudUploadedFile) {
      return photo;
    }

    @Post('text')
    @UseInterceptors(
      WxCloudFileInterceptor('note', {
        contentTypes: ['text/plain'],
        detectContentType: head => (head.includes(0) ? undefined : 'text/plain'),
      }),
    )
    text(@UploadedFile() note: WxCloudUploadedFile) {
      return note;
    }

    @Post('engine')
    @UseInterceptors(
      FileInterceptor('photo', {
        storage: wxCloudUpload({ path: 'engine/', contentTypes: ['image/*'] }),
      }),
    )
    engine(@UploadedFile() photo: WxCloudUploadedFile, @FileId() fileId: string) {
      return { photo, fileId };
    }
  }
  return UploadsController;
}

describe.each(ADAPTERS)('the upload interceptors on $name', adapter => {
  let application: TestApplication;
  beforeAll(async () => {
    application = await startApplication({ adapter, controllers: [uploadsController(adapter)] });
  });
  afterAll(() => application.close());
  beforeEach(() => application.emulator.reset());

  const post = (route: string, parts: Parameters<typeof postForm>[1]) =>
    postForm(`${application.url}/uploads/${route}`, parts);

  describe('WxCloudFileInterceptor', () => {
    it('stores the file and passes it on with its file ID and properties', async () => {
      const { status, body } = await post('one', [
        { field: 'title', text: '标题' },
        { field: 'photo', file: PNG, name: '猫 😀.jpg', type: 'image/jpeg' },
      ]);

      expect(status).toBe(201);
      expect(body).toMatchObject({
        body: { title: '标题' },
        photo: {
          fieldname: 'photo',
          originalname: '猫 😀.jpg',
          mimetype: 'image/jpeg',
          contentType: 'image/png',
          size: PNG.byteLength,
          fileId: body['fileId'],
          cloudPath: expect.stringMatching(/^photos\/\d{4}\/\d\d\/\d\d\/[\da-f-]{36}\.png$/),
          etag: expect.stringMatching(/^[\da-f]{32}$/),
        },
      });
      expect(application.emulator.objects).toMatchObject([
        {
          fileId: body['fileId'],
          size: PNG.byteLength,
          contentType: 'image/png',
          fileIdAlive: true,
        },
      ]);
    });

    it('keeps the bytes of a file that is spooled to disk', async () => {
      const file = pngOfSize(200_000);
      const { body } = await post('one', [{ field: 'photo', file }]);

      const { cloudPath } = body['photo'] as WxCloudUploadedFile;
      expect((await application.emulator.readObject(cloudPath)).equals(file)).toBe(true);
    });

    it.each([
      [
        'an HTML page that claims to be an image',
        Buffer.from('<!doctype html><script>alert(1)</script>'),
      ],
      ['an empty file', Buffer.alloc(0)],
      ['a file of three bytes', Buffer.from('abc')],
      ['an SVG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>')],
    ])('rejects %s with 415 before a byte is sent', async (_, file) => {
      const { status, body } = await post('one', [{ field: 'photo', file }]);

      expect({ status, body }).toMatchObject({
        status: 415,
        body: {
          statusCode: 415,
          error: 'Unsupported Media Type',
          errorCode: 'WX_CLOUD_TYPE_REFUSED',
        },
      });
      expect(application.emulator.journal).toEqual([]);
    });

    it('responds with 413 to a file one byte over the limit and stores nothing', async () => {
      const { status, body } = await post('one', [
        { field: 'photo', file: pngOfSize(LIMITS.fileSize + 1) },
      ]);

      expect({ status, body }).toMatchObject({
        status: 413,
        body: { statusCode: 413, error: 'Payload Too Large', errorCode: 'WX_CLOUD_FILE_TOO_LARGE' },
      });
      expect(application.emulator.objects).toEqual([]);
    });

    it.each([
      ['a form without a file', [{ field: 'title', text: 'x' }], 'WX_CLOUD_FILE_REQUIRED'],
      ['a file in another field', [{ field: 'other', file: PNG }], 'WX_CLOUD_FORM_INVALID'],
      [
        'a second file',
        [
          { field: 'photo', file: PNG },
          { field: 'photo', file: PNG },
        ],
        'WX_CLOUD_FORM_INVALID',
      ],
    ])('responds with 400 to %s and stores nothing', async (_, parts, errorCode) => {
      const { status, body } = await post('one', parts);

      expect({ status, body }).toMatchObject({
        status: 400,
        body: { statusCode: 400, error: 'Bad Request', errorCode },
      });
      expect(application.emulator.objects).toEqual([]);
    });

    it('responds with 400 to a body that is not a form', async () => {
      const response = await fetch(`${application.url}/uploads/one`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{}',
      });

      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ errorCode: 'WX_CLOUD_FORM_INVALID' });
    });

    it('runs the handler without a file when none is required', async () => {
      const { body } = await post('optional', [{ field: 'title', text: 'x' }]);
      expect(body).toEqual({ hasPhoto: false, hasFileId: false });
    });

    it('stores an empty file where any type is accepted', async () => {
      const { status } = await post('optional', [{ field: 'photo', file: Buffer.alloc(0) }]);
      expect(status).toBe(201);
      expect(application.emulator.objects).toMatchObject([
        { size: 0, contentType: 'application/octet-stream' },
      ]);
    });
  });

  describe('the option path', () => {
    const send = async (folder: string) => {
      const form = new FormData();
      form.append('photo', new Blob([new Uint8Array(PNG)]), 'photo.png');
      const headers = { 'x-folder': folder };
      return fetch(`${application.url}/uploads/custom-path`, {
        method: 'POST',
        headers,
        body: form,
      });
    };

    it('may be a function', async () => {
      expect(await (await send('mine')).json()).toMatchObject({
        cloudPath: `by-hand/mine/${PNG.byteLength}.png`,
      });
    });

    it.each(['..', 'a/../b', 'a//b'])('causes a 400 when the function returns %j', async folder => {
      const response = await send(folder);
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ errorCode: 'WX_CLOUD_PATH_INVALID' });
      expect(application.emulator.journal).toEqual([]);
    });
  });

  describe('the option detectContentType', () => {
    it('names the type of text, which has no recognisable first bytes', async () => {
      const { body } = await post('text', [
        { field: 'note', file: Buffer.from('读我'), name: 'readme.md' },
      ]);
      expect(body).toMatchObject({ contentType: 'text/plain', size: 6 });
    });

    it('keeps a file rejected that it does not know either', async () => {
      const { status } = await post('text', [{ field: 'note', file: Buffer.from([0, 1, 2]) }]);
      expect(status).toBe(415);
    });
  });

  describe('WxCloudFilesInterceptor and its kind', () => {
    it('store the files of one field in order', async () => {
      const { body } = await post('several', [
        { field: 'photos', file: PNG, name: '一.png' },
        { field: 'photos', file: pngOfSize(90_000), name: '二.png' },
        { field: 'photos', file: PNG, name: '三.png' },
      ]);

      expect(body).toMatchObject({ names: ['一.png', '二.png', '三.png'] });
      expect(body['fileIds']).toHaveLength(3);
      expect(body['first']).toBe((body['fileIds'] as string[])[0]);
      expect(application.emulator.objects).toHaveLength(3);
    });

    it('reject a file beyond maxCount and delete the others', async () => {
      const four = Array.from({ length: 4 }, () => ({ field: 'photos', file: PNG }));
      const { status, body } = await post('several', four);

      expect({ status, body }).toMatchObject({
        status: 400,
        body: { errorCode: 'WX_CLOUD_FORM_INVALID' },
      });
      expect(application.emulator.objects).toEqual([]);
    });

    it('store the files of several fields', async () => {
      const { body } = await post('fields', [
        { field: 'pages', file: PNG },
        { field: 'cover', file: PNG },
        { field: 'pages', file: PNG },
      ]);

      expect((body['fields'] as string[]).toSorted()).toEqual(['cover', 'pages']);
      expect(body['all']).toHaveLength(3);
      expect(body['pages']).toHaveLength(2);
    });

    it('store the files of any field, ten at most', async () => {
      const { body } = await post('any', [
        { field: 'a', file: PNG },
        { field: 'b', file: PNG },
      ]);
      expect(body).toEqual({ fields: ['a', 'b'] });

      const eleven = Array.from({ length: 11 }, (_, index) => ({ field: `f${index}`, file: PNG }));
      await application.emulator.reset();
      expect(await post('any', eleven)).toMatchObject({
        status: 400,
        body: { errorCode: 'WX_CLOUD_FORM_INVALID' },
      });
      expect(application.emulator.objects).toEqual([]);
    });
  });

  describe('wxCloudUpload', () => {
    it("stores the files of Nest's own interceptor", async () => {
      const { body } = await post('engine', [{ field: 'photo', file: PNG, name: '猫 😀.png' }]);
      expect(body).toMatchObject({
        photo: { contentType: 'image/png', originalname: '猫 😀.png' },
        fileId: expect.stringMatching(/\/engine\//),
      });
      expect(application.emulator.objects).toHaveLength(1);
    });

    it('responds with 415 to a rejected type', async () => {
      expect(await post('engine', [{ field: 'photo', file: Buffer.from('text') }])).toMatchObject({
        status: 415,
        body: { errorCode: 'WX_CLOUD_TYPE_REFUSED' },
      });
      expect(application.emulator.journal).toEqual([]);
    });
  });
});

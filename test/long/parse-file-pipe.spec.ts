import { writeFile } from 'node:fs/promises';
import {
  Controller,
  FileTypeValidator,
  MaxFileSizeValidator,
  ParseFilePipe,
  ParseFilePipeBuilder,
  Post,
  UploadedFile,
  UploadedFiles,
  UseInterceptors,
} from '@nestjs/common';
import {
  AnyFilesInterceptor,
  FileFieldsInterceptor,
  FilesInterceptor,
} from '@nestjs/platform-express';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  WxCloudFileInterceptor,
  WxCloudFilesInterceptor,
  wxCloudUpload,
  type WxCloudUploadedFile,
} from '../../lib/index.js';
import { ADAPTERS, EXPRESS, type Adapter } from '../support/adapters.js';
import { PNG, pngOfSize, type FormPart } from '../support/forms.js';
import {
  expectNothingLeft,
  startEdgeApplication,
  type EdgeApplication,
} from '../e2e/http/support/edge-application.js';

const LARGE = 300_000;

/** As in Nest's own documentation. */
const PNG_PIPE = new ParseFilePipe({
  validators: [
    new MaxFileSizeValidator({ maxSize: LARGE + 1 }),
    new FileTypeValidator({ fileType: 'image/png' }),
  ],
});
const BUILT_PIPE = new ParseFilePipeBuilder()
  .addFileTypeValidator({ fileType: /^image\/(?:png|jpeg)$/ })
  .addMaxSizeValidator({ maxSize: LARGE + 1 })
  .build({ errorHttpStatusCode: 422 });
const FALLBACK_PIPE = new ParseFilePipeBuilder()
  .addFileTypeValidator({ fileType: 'text/csv', fallbackToMimetype: true })
  .build();

function photosController({ FileInterceptor }: Adapter) {
  const engine = FileInterceptor('photo', { storage: wxCloudUpload() });

  @Controller()
  class PhotosController {
    @Post('own')
    @UseInterceptors(WxCloudFileInterceptor('photo'))
    own(@UploadedFile(PNG_PIPE) photo: WxCloudUploadedFile) {
      return photo;
    }

    @Post('built')
    @UseInterceptors(WxCloudFilesInterceptor('photo', 3))
    built(@UploadedFiles(BUILT_PIPE) photos: WxCloudUploadedFile[]) {
      return photos.map(({ size }) => size);
    }

    @Post('fallback')
    @UseInterceptors(WxCloudFileInterceptor('photo'))
    fallback(@UploadedFile(FALLBACK_PIPE) photo: WxCloudUploadedFile) {
      return { ...photo };
    }

    @Post('engine')
    @UseInterceptors(engine)
    engine(@UploadedFile(PNG_PIPE) photo: WxCloudUploadedFile) {
      return photo;
    }

    @Post('wrong')
    @UseInterceptors(WxCloudFileInterceptor('photo'))
    async wrong(@UploadedFile() photo: WxCloudUploadedFile & { readonly buffer: Buffer }) {
      await writeFile('/dev/null', photo.buffer);
    }
  }
  return PhotosController;
}

const photo = (file: Buffer, type?: string): FormPart => ({
  field: 'photo',
  file,
  ...(type && { type }),
});
/** Not the message for a file without a buffer. */
const NOT_PNG = /^Validation failed \((?!.*buffer).*expected type is/;
const HTML = Buffer.from('<!doctype html><script>1</script>');

describe.each(ADAPTERS)('ParseFilePipe on $name', adapter => {
  let application: EdgeApplication;
  beforeAll(async () => {
    const controllers = [photosController(adapter)];
    application = await startEdgeApplication({ adapter, controllers });
  });
  afterEach(() => application.emulator.reset());
  afterAll(() => application.close());

  it.each(['own', 'engine'])(
    'accepts a file by its content, whatever the client claims: %s',
    async path => {
      const { status, body } = await application.post(path, [
        photo(pngOfSize(LARGE), 'text/plain'),
      ]);

      expect({ status, body }).toMatchObject({
        status: 201,
        body: { mimetype: 'text/plain', contentType: 'image/png', size: LARGE },
      });
      expect(body).not.toHaveProperty('buffer');
      expect(application.emulator.objects).toHaveLength(1);
    },
  );

  it.each([
    ['own', 'a page', HTML, NOT_PNG],
    ['own', 'a byte', Buffer.from('a'), NOT_PNG],
    ['own', 'nothing', Buffer.alloc(0), NOT_PNG],
    ['own', 'too much', pngOfSize(LARGE + 1), /expected size is less than 300001/],
    ['engine', 'a page', HTML, NOT_PNG],
    ['engine', 'too much', pngOfSize(LARGE + 1), /expected size is less than 300001/],
  ])('rejects a file and leaves nothing: %s, %s', async (path, _, file, says) => {
    const response = await application.post(path, [photo(file)]);

    expect(response).toMatchObject({ status: 400, body: { message: expect.stringMatching(says) } });
    await expectNothingLeft(application);
  });

  it('checks every file of a list', async () => {
    expect(await application.post('built', [photo(PNG), photo(pngOfSize(LARGE))])).toEqual({
      status: 201,
      body: [PNG.byteLength, LARGE],
    });
    await application.emulator.reset();
    const mixed = await application.post('built', [photo(PNG), photo(HTML), photo(PNG)]);
    expect(mixed.status).toBe(422);
    await expectNothingLeft(application);
  });

  it('can fall back to the claimed type when the content shows none', async () => {
    const csv = Buffer.from('a,b\n1,2\n');
    expect(await application.post('fallback', [photo(csv, 'text/csv')])).toMatchObject({
      status: 201,
    });
    await application.emulator.reset();
    expect(await application.post('fallback', [photo(PNG, 'text/csv')])).toMatchObject({
      status: 400,
    });
    await expectNothingLeft(application);
  });

  it('has a buffer that cannot be mistaken for the content', async () => {
    expect(await application.post('wrong')).toMatchObject({ status: 500 });
    await expectNothingLeft(application);
  });
});

describe("ParseFilePipe behind multer's other interceptors", () => {
  const storage = wxCloudUpload();

  @Controller()
  class ShapesController {
    @Post('list')
    @UseInterceptors(FilesInterceptor('photo', 3, { storage }))
    list(@UploadedFiles(PNG_PIPE) photos: WxCloudUploadedFile[]) {
      return photos.length;
    }

    @Post('any')
    @UseInterceptors(AnyFilesInterceptor({ storage }))
    any(@UploadedFiles(PNG_PIPE) photos: WxCloudUploadedFile[]) {
      return photos.length;
    }

    @Post('fields')
    @UseInterceptors(FileFieldsInterceptor([{ name: 'photo', maxCount: 2 }], { storage }))
    async fields(@UploadedFiles() { photo: photos }: { readonly photo: WxCloudUploadedFile[] }) {
      return ((await PNG_PIPE.transform(photos)) as readonly unknown[]).length;
    }
  }

  let application: EdgeApplication;
  beforeAll(async () => {
    application = await startEdgeApplication({ adapter: EXPRESS, controllers: [ShapesController] });
  });
  afterAll(() => application.close());

  it.each(['list', 'any', 'fields'])('sees each file by its content: %s', async path => {
    const good = await application.post(path, [photo(PNG, 'a/b'), photo(PNG)]);
    expect(good).toEqual({ status: 201, body: 2 });
    await application.emulator.reset();
    const bad = await application.post(path, [photo(PNG), photo(HTML)]);
    expect(bad.status).toBe(400);
    await expectNothingLeft(application);
  });
});

import { expected, makeDocument } from '../../../compat/suite/documents.cjs';
import { describe, expect, it } from '@jest/globals';
import * as common from '@nestjs/common';
import * as core from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import * as swagger from '@nestjs/swagger';
import { HTTP_RESPONSES } from '../../../lib/http/http-exception.js';
import * as storage from '../../../lib/index.js';
import * as wxSwagger from '../../../lib/swagger/index.js';
import { REFUSALS } from '../../../lib/swagger/upload-decorators.js';

describe('the decorators for OpenAPI documents', () => {
  it('generate the document in the fixture', async () => {
    const createAdapter = () => new ExpressAdapter();
    const modules = { common, core, storage, swagger, wxSwagger, createAdapter };
    expect(await makeDocument(modules)).toEqual(expected);
  });

  it('generate the same document where the request chooses the storage', async () => {
    const documentOf = async (chosen: storage.WxCloudStorageOption): Promise<unknown> => {
      @common.Controller('photos')
      class PhotosController {
        @common.Post()
        @wxSwagger.ApiWxCloudFile('photo')
        @common.UseInterceptors(
          storage.WxCloudFileInterceptor('photo', { storage: chosen }),
          storage.WxCloudReplyInterceptor({ storage: chosen }),
        )
        create(
          @common.Body('old', storage.ParseFileIdPipe.with({ storage: chosen })) old: string,
          @common.Query('id', storage.WxCloudFilePipe.with({ storage: chosen })) _file: unknown,
        ) {
          return old;
        }
      }
      const { WxCloudStorageModule } = storage;
      const options = { name: 'red', env: 'red-env', appid: 'wx0e0e0e0e0e0e0e0e', secret: 's' };
      @common.Module({
        imports: [WxCloudStorageModule.forRoot({ ...options })],
        controllers: [PhotosController],
      })
      class PhotosModule {}
      const app = await core.NestFactory.create(PhotosModule, { logger: false });
      const document = swagger.SwaggerModule.createDocument(app, {} as never);
      await app.close();
      return document;
    };
    const named = await documentOf('red');
    expect(await documentOf(() => 'red')).toEqual(named);
    expect(named).toMatchObject({ paths: { '/photos': { post: { requestBody: {} } } } });
  });

  it.each(REFUSALS)('name the codes with the status $status', ({ status, codes }) => {
    expect(codes.map(code => HTTP_RESPONSES[code].status)).toEqual(codes.map(() => status));
  });
});

describe('WxCloudUploadedFile', () => {
  const pipe = new common.ValidationPipe({ transform: true, whitelist: true });

  it('leaves files unchanged as a parameter type of a transforming pipe', async () => {
    const file = { fieldname: 'photo', fileId: 'cloud://env.bucket/a.png' };
    const metatype = storage.WxCloudUploadedFile;
    expect(await pipe.transform(file, { type: 'custom', metatype })).toBe(file);
  });

  it('adds nothing to a class that extends it', () => {
    class Photo extends storage.WxCloudUploadedFile {}
    expect(Object.keys(new Photo())).toEqual([]);
  });
});

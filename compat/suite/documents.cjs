'use strict';

// The OpenAPI document of a small application, compared with the file beside this one.
const assert = require('node:assert/strict');
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { decorate } = require('./application.cjs');

/** The expected document, the same for all versions of Swagger. */
exports.expected = JSON.parse(readFileSync(join(__dirname, 'openapi.json'), 'utf8'));

/** Creates a controller with a route for each decorator; only their documents are used. */
const makeController = ({ common, storage, swagger, wxSwagger }) => {
  class CreatePhotoDto {}
  const fields = CreatePhotoDto.prototype;
  swagger.ApiProperty({ type: String, description: 'Shown below the photo.' })(fields, 'title');
  swagger.ApiProperty({ type: [String], required: false })(fields, 'tags');

  class PhotosController {
    create() {}
    createMany() {}
    createAlbum() {}
    createPages() {}
    createAny() {}
  }
  common.Controller('photos')(PhotosController);
  const route = (name, { path, interceptor, documented, parameters, types }) => {
    Reflect.defineMetadata('design:paramtypes', types, PhotosController.prototype, name);
    const method = [common.Post(path), common.UseInterceptors(interceptor), ...documented];
    decorate(PhotosController, name, { method, parameters });
  };
  const { WxCloudUploadedFile } = storage;
  const created = isArray => swagger.ApiCreatedResponse({ type: WxCloudUploadedFile, isArray });

  route('create', {
    path: '',
    interceptor: storage.WxCloudFileInterceptor('photo'),
    documented: [
      wxSwagger.ApiWxCloudFile('photo', { body: CreatePhotoDto, description: 'A JPEG or PNG.' }),
      created(false),
    ],
    parameters: [common.UploadedFile(), common.Body()],
    types: [WxCloudUploadedFile, CreatePhotoDto],
  });
  route('createMany', {
    path: 'many',
    interceptor: storage.WxCloudFilesInterceptor('photos', 3, { required: false }),
    documented: [
      wxSwagger.ApiWxCloudFile('photos', { many: true, maxCount: 3, required: false }),
      created(true),
    ],
    parameters: [common.UploadedFiles()],
    types: [Array],
  });
  const albumFields = [{ name: 'cover', maxCount: 1 }, { name: 'pages' }];
  route('createAlbum', {
    path: 'album',
    interceptor: storage.WxCloudFileFieldsInterceptor(albumFields),
    documented: [wxSwagger.ApiWxCloudFileFields(albumFields, { body: CreatePhotoDto })],
    parameters: [common.UploadedFiles(), common.Body()],
    types: [Object, CreatePhotoDto],
  });
  route('createPages', {
    path: 'pages',
    interceptor: storage.WxCloudFileFieldsInterceptor([{ name: 'pages' }]),
    documented: [wxSwagger.ApiWxCloudFileFields([{ name: 'pages', required: true }])],
    parameters: [common.UploadedFiles()],
    types: [Object],
  });
  route('createAny', {
    path: 'any',
    interceptor: storage.WxCloudAnyFilesInterceptor(),
    documented: [wxSwagger.ApiWxCloudAnyFiles({ description: 'In fields of any name.' })],
    parameters: [common.UploadedFiles()],
    types: [Array],
  });
  return PhotosController;
};

/** Creates the parts of the document that `expected` has, without listening. */
exports.makeDocument = async modules => {
  const { common, core, swagger, createAdapter } = modules;
  class AppModule {}
  common.Module({ controllers: [makeController(modules)] })(AppModule);
  const app = await core.NestFactory.create(AppModule, createAdapter(), { logger: false });
  const document = swagger.SwaggerModule.createDocument(app, new swagger.DocumentBuilder().build());
  await app.close();
  const { paths, components } = JSON.parse(JSON.stringify(document));
  return { paths, components };
};

exports.checks = {
  'the OpenAPI document is the one in the file': async modules => {
    assert.deepEqual(await exports.makeDocument(modules), exports.expected);
  },
};

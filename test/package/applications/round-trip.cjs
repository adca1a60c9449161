'use strict';

const { randomBytes } = require('node:crypto');
const { once } = require('node:events');

const PNG_HEAD = Buffer.from(
  '89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489000493e049444154',
  'hex',
);

/**
 * The smallest application that does the main job: the interceptor turns a form with a file into a
 * file ID, and the service turns the file ID into the same bytes. The caller passes the modules, as
 * each caller tests another way to load them.
 */
exports.roundTrip = async function roundTrip({ common, core, storage, emulator }) {
  const cloud = await emulator.startWxCloudEmulator();
  const app = await core.NestFactory.create(applicationModule(common, storage, cloud.options), {
    logger: ['error', 'warn'],
  });
  try {
    const server = app.getHttpServer();
    await app.init();
    await once(server.listen(0, '127.0.0.1'), 'listening');
    await uploadAndCompare(app.get(storage.WxCloudStorageService), server.address().port);
  } finally {
    await app.close();
    await cloud.close();
  }
};

async function uploadAndCompare(service, port) {
  const bytes = Buffer.concat([PNG_HEAD, randomBytes(300_000)]);
  const form = new FormData();
  form.append('photo', new Blob([bytes]), '照片.png');
  const response = await fetch(`http://127.0.0.1:${port}/photos`, { method: 'POST', body: form });
  const answer = await response.json();
  if (response.status !== 201) throw new Error(`${response.status} ${JSON.stringify(answer)}`);
  if (answer.size !== bytes.length) throw new Error(`the size is ${answer.size}`);

  const back = await service.downloadBuffer(answer.fileId, { maxBytes: bytes.length });
  if (!bytes.equals(back)) throw new Error('other bytes came back');
  console.log(`${answer.fileId} holds what was uploaded`);
}

function applicationModule(common, storage, options) {
  class PhotosController {
    create(photo, fileId) {
      return { fileId, size: photo.size };
    }
  }
  const { prototype } = PhotosController;
  const method = Object.getOwnPropertyDescriptor(prototype, 'create');
  const interceptor = storage.WxCloudFileInterceptor('photo', { path: 'photos/' });
  common.Controller('photos')(PhotosController);
  common.Post()(prototype, 'create', method);
  common.UseInterceptors(interceptor)(prototype, 'create', method);
  common.UploadedFile()(prototype, 'create', 0);
  storage.FileId()(prototype, 'create', 1);

  class AppModule {}
  common.Module({
    imports: [storage.WxCloudStorageModule.forRoot({ isGlobal: true, ...options })],
    controllers: [PhotosController],
  })(AppModule);
  return AppModule;
}

'use strict';

// The module and its service, without forms.
const assert = require('node:assert/strict');
const { Readable } = require('node:stream');
const { controllerOf, withApplication } = require('./application.cjs');

const serviceOf = ({ storage }, app, name) =>
  app.get(storage.getWxCloudStorageToken(name), { strict: false });

/** Uploads, reads, downloads and deletes a file. */
const roundTrip = async service => {
  const { fileId } = await service.upload('a/猫.bin', Readable.from([Buffer.from('ab'), 'c']));
  assert.equal(await service.exists(fileId), true);
  assert.equal((await service.stat(fileId)).size, 3);
  assert.equal(String(await service.downloadBuffer(fileId, { maxBytes: 10 })), 'abc');
  await service.delete(fileId);
  assert.equal(await service.exists(fileId), false);
};

exports.checks = {
  'forRoot gives a working service': modules =>
    withApplication(modules, {}, ({ app }) => roundTrip(serviceOf(modules, app))),
  'forRootAsync takes useFactory': modules => {
    const { WxCloudStorageModule } = modules.storage;
    const imports = given => [
      WxCloudStorageModule.forRootAsync({ isGlobal: true, useFactory: async () => given }),
    ];
    return withApplication(modules, { imports }, ({ app }) => roundTrip(serviceOf(modules, app)));
  },
  'forRootAsync takes useClass': modules => {
    const { WxCloudStorageModule } = modules.storage;
    const imports = given => {
      class Factory {
        create() {
          return given;
        }
      }
      modules.common.Injectable()(Factory);
      return [WxCloudStorageModule.forRootAsync({ useClass: Factory })];
    };
    return withApplication(modules, { imports }, ({ app }) => roundTrip(serviceOf(modules, app)));
  },
  'instances have names, and are injected by them': modules => {
    const { common, storage } = modules;
    const { WxCloudStorageModule, InjectWxCloudStorage } = storage;
    class Archive {
      constructor(service) {
        this.service = service;
      }
    }
    common.Injectable()(Archive);
    InjectWxCloudStorage('archive')(Archive, undefined, 0);
    const imports = given => {
      class ArchiveModule {}
      common.Module({
        imports: [WxCloudStorageModule.forRoot({ ...given, name: 'archive' })],
        providers: [Archive],
      })(ArchiveModule);
      return [WxCloudStorageModule.forRoot(given), ArchiveModule];
    };
    return withApplication(modules, { imports }, async ({ app }) => {
      await roundTrip(app.get(Archive, { strict: false }).service);
      assert.notEqual(serviceOf(modules, app), serviceOf(modules, app, 'archive'));
    });
  },
  'the token provider gives the token of the storage': modules =>
    withApplication(modules, {}, async ({ app, cloud }) => {
      const provider = app.get(modules.storage.WxAccessTokenProvider, { strict: false });
      const token = await provider.getAccessToken();
      await roundTrip(serviceOf(modules, app));
      assert.equal(await provider.getAccessToken(), token);
      assert.equal(cloud.journal.filter(({ operation }) => operation === 'stable-token').length, 1);
    }),
  'wrong options stop the start-up': async modules => {
    const start = withApplication(modules, { options: { env: '' } }, () => {});
    await assert.rejects(start, { code: 'WX_CLOUD_OPTIONS_INVALID', option: 'env' });
  },
  'the exception filter answers errors that a handler lets through': modules => {
    const { storage } = modules;
    let service;
    const controller = controllerOf(modules, {
      interceptors: [],
      handle: () => service.stat('cloud://foreign.bucket/a'),
    });
    const configure = app =>
      app.useGlobalFilters(new storage.WxCloudExceptionFilter(app.getHttpAdapter()));
    return withApplication(modules, { controllers: [controller], configure }, async context => {
      service = serviceOf(modules, context.app);
      const headers = { 'content-type': 'application/json' };
      const response = await fetch(context.url, { method: 'POST', headers, body: '{}' });
      assert.equal(response.status, 400);
      assert.equal((await response.json()).errorCode, 'WX_CLOUD_FILE_ID_INVALID');
    });
  },
};

'use strict';

// Failed requests leave nothing behind, whatever the failure.
const assert = require('node:assert/strict');
const { throwError, NEVER, timeout } = require('rxjs');
const {
  controllerOf,
  openForm,
  pngOfSize,
  PNG,
  until,
  withApplication,
} = require('./application.cjs');

const PHOTO = [{ field: 'photo', file: PNG }];

const withFailing = (modules, { before = [], more = {}, options, ...route }, work) => {
  const { storage } = modules;
  const ours = storage.WxCloudFileInterceptor('photo', options);
  const interceptors = route.interceptors ?? [...before, ours];
  const controller = controllerOf(modules, { ...route, interceptors });
  return withApplication(modules, { controllers: [controller], options: more }, work);
};

/** Checks that a request ends with a status and leaves nothing behind. */
const failsWith = (status, route) => modules =>
  withFailing(modules, route(modules), async ({ cloud, post }) => {
    assert.equal((await post(PHOTO)).status, status);
    await until(() => cloud.objects.length === 0, 'an empty storage');
    assert.equal(cloud.journal.filter(({ operation }) => operation === 'post-object').length, 1);
  });

const throwing = () => {
  throw new Error('the handler failed');
};
const tooLarge = ({ common }) =>
  new common.ParseFilePipe({ validators: [new common.MaxFileSizeValidator({ maxSize: 10 })] });

/** An interceptor outside ours with a short timeout. */
const timingOut = { intercept: (_, next) => next.handle().pipe(timeout(1_000)) };

exports.checks = {
  'the handler throws': failsWith(500, () => ({ handle: throwing })),
  'the handler rejects': failsWith(409, ({ common }) => ({
    handle: async () => {
      throw new common.HttpException('no', 409);
    },
  })),
  "the handler's observable fails": failsWith(500, () => ({
    handle: () => throwError(() => new Error('failed')),
  })),
  'a pipe rejects the file': failsWith(400, modules => ({
    parameters: [modules.common.UploadedFile(tooLarge(modules))],
    handle: file => file,
  })),
  'an outer interceptor times out': failsWith(500, () => ({
    before: [timingOut],
    handle: () => NEVER,
  })),
  'the handler answers with an error by itself': failsWith(422, ({ common }) => ({
    parameters: [common.Res()],
    handle: response => void response.status(422).send({}),
  })),
  'a guard refuses before anything is stored': modules =>
    withFailing(
      modules,
      { guards: [{ canActivate: () => false }], handle: throwing },
      async ({ cloud, post }) => {
        assert.equal((await post(PHOTO)).status, 403);
        assert.deepEqual(cloud.journal, []);
      },
    ),
  'a later file of the form is refused': modules => {
    const { storage } = modules;
    const options = { contentTypes: ['image/*'] };
    const interceptors = [storage.WxCloudFilesInterceptor('photo', 3, options)];
    return withFailing(modules, { interceptors, handle: throwing }, async ({ cloud, post }) => {
      const files = [PNG, Buffer.from('<html>')].map(file => ({ field: 'photo', file }));
      assert.equal((await post(files)).status, 415);
      await until(() => cloud.objects.length === 0, 'an empty storage');
    });
  },
  'the cloud fails once, and the file is stored all the same': modules =>
    withFailing(modules, { handle: () => ({}) }, async ({ cloud, post }) => {
      const effect = { kind: 'cos-error', cosCode: 'SlowDown', status: 503 };
      cloud.faults.add({ operation: 'post-object', effect });
      assert.equal((await post(PHOTO)).status, 201);
      assert.equal(cloud.objects.length, 1);
    }),
  'the cloud refuses': modules =>
    withFailing(modules, { handle: () => ({}) }, async ({ cloud, post }) => {
      const effect = { kind: 'cos-error', cosCode: 'PaymentRequired', status: 402 };
      cloud.faults.add({ operation: 'post-object', effect, times: Infinity });
      const { status, body } = await post(PHOTO);
      assert.deepEqual([status, body.errorCode], [502, 'WX_CLOUD_UPLOAD_REJECTED']);
      assert.equal(cloud.objects.length, 0);
    }),
  'what cannot be removed is reported': modules => {
    const reported = [];
    const more = { onOrphan: fileIds => void reported.push(...fileIds) };
    return withFailing(modules, { handle: throwing, more }, async ({ cloud, post }) => {
      const effect = { kind: 'item', status: -503002, errmsg: 'no permission' };
      cloud.faults.add({ operation: 'delete-files', effect, times: Infinity });
      assert.equal((await post(PHOTO)).status, 500);
      assert.deepEqual(reported, [cloud.objects[0].fileId]);
    });
  },
  'the client leaves in the middle of the file': modules =>
    withFailing(modules, { handle: () => ({}) }, async ({ cloud, url, post }) => {
      const socket = openForm(url, { file: pngOfSize(3_000_000), bytes: 1_500_000 });
      await until(() => socket.bytesWritten > 1_000_000, 'a part of the file');
      socket.destroy();
      assert.equal((await post(PHOTO)).status, 201);
      await until(() => cloud.objects.length === 1, 'nothing but the other file');
    }),
  'the client leaves while the handler works': modules =>
    withFailing(modules, { handle: () => NEVER }, async ({ cloud, url }) => {
      const socket = openForm(url, { file: PNG, bytes: Infinity });
      await until(() => cloud.objects.length === 1, 'the stored file');
      socket.destroy();
      await until(() => cloud.objects.length === 0, 'an empty storage');
    }),
  'the client does not go on': modules =>
    withFailing(modules, { handle: () => ({}) }, async ({ url }) => {
      const socket = openForm(url, { file: pngOfSize(400_000), bytes: 100_000 });
      let text = '';
      socket.on('data', data => (text += data));
      await new Promise(resolve => socket.once('close', resolve));
      assert.match(text, /^HTTP\/1\.1 408 [^]*WX_CLOUD_BODY_STALLED/);
    }),
};

/** Checks for the engine only. */
exports.engineChecks = {
  "the handler throws behind Nest's own interceptor": failsWith(500, modules => ({
    interceptors: [modules.FileInterceptor('photo', { storage: modules.storage.wxCloudUpload() })],
    handle: throwing,
  })),
  "a pipe rejects behind Nest's own interceptor": failsWith(400, modules => ({
    interceptors: [modules.FileInterceptor('photo', { storage: modules.storage.wxCloudUpload() })],
    parameters: [modules.common.UploadedFile(tooLarge(modules))],
    handle: file => file,
  })),
};

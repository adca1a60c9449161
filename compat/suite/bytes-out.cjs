'use strict';

// Inputs and outputs of handlers besides forms: file IDs, replies, served files, upload progress.
const assert = require('node:assert/strict');
const { controllerOf, decorate, PNG, withApplication } = require('./application.cjs');

const serviceOf = ({ storage }, app) => app.get(storage.WxCloudStorageService, { strict: false });

const postJson = async (url, value) => {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(value),
  });
  const bytes = Buffer.from(await response.arrayBuffer());
  return { status: response.status, bytes, json: () => JSON.parse(String(bytes)) };
};

/**
 * Runs `work` on an application whose only route returns the result of `handle` through a reply
 * interceptor.
 */
const withReply = (modules, { options, handle }, work) => {
  const interceptors = [modules.storage.WxCloudReplyInterceptor(options)];
  const controllers = [controllerOf(modules, { interceptors, handle })];
  return withApplication(modules, { controllers }, work);
};

/** Creates a route that serves `fileId`, which is set after a file was stored. */
const servingController = ({ common }, subject) => {
  class ServingController {
    serve(request, response) {
      return subject.service.serve(subject.fileId, { request, response, fileName: '照片.png' });
    }
  }
  common.Controller()(ServingController);
  decorate(ServingController, 'serve', {
    method: [common.Get('content')],
    parameters: [common.Req(), common.Res()],
  });
  return ServingController;
};

const withServing = (modules, work) => {
  const subject = {};
  const controllers = [servingController(modules, subject)];
  return withApplication(modules, { controllers }, async ({ app, url }) => {
    subject.service = serviceOf(modules, app);
    ({ fileId: subject.fileId } = await subject.service.upload('a.png', PNG));
    const get = async (headers = {}) => {
      const response = await fetch(`${url}/content`, { headers });
      const bytes = Buffer.from(await response.arrayBuffer());
      return { status: response.status, headers: response.headers, bytes };
    };
    await work(get);
  });
};

const withPipe = (modules, parameter, work) => {
  const parameters = [modules.common.Body('fileId', parameter)];
  const handle = value => ({ value, cloudPath: value.cloudPath });
  const controllers = [controllerOf(modules, { interceptors: [], parameters, handle })];
  return withApplication(modules, { controllers }, work);
};

exports.checks = {
  'bytes that a handler returns are answered as a file ID': modules =>
    withReply(modules, { options: { path: 'out/' }, handle: () => PNG }, async ({ cloud, url }) => {
      const answer = await postJson(url, {});
      const { fileId, cloudPath, size, contentType } = answer.json();
      assert.equal(answer.status, 201);
      assert.deepEqual(
        [size, contentType, fileId],
        [PNG.length, 'image/png', cloud.objects[0].fileId],
      );
      assert.ok(PNG.equals(await cloud.readObject(cloudPath)));
    }),
  'few bytes are answered as they are, and JSON is left alone': async modules => {
    const options = { whenOverBytes: 1_000 };
    await withReply(modules, { options, handle: () => PNG }, async ({ cloud, url }) => {
      assert.ok(PNG.equals((await postJson(url, {})).bytes));
      assert.equal(cloud.objects.length, 0);
    });
    await withReply(modules, { options, handle: () => ({ a: 1 }) }, async ({ url }) => {
      assert.deepEqual((await postJson(url, {})).json(), { a: 1 });
    });
  },
  'pipes let file IDs of this environment through, and nothing else': async modules => {
    const { ParseFileIdPipe, WxCloudFilePipe } = modules.storage;
    const pipes = [ParseFileIdPipe, WxCloudFilePipe, WxCloudFilePipe.with({ prefixes: ['a/'] })];
    for (const pipe of pipes) {
      await withPipe(modules, pipe, async ({ cloud, url }) => {
        const fileId = `cloud://${cloud.env}.${cloud.bucket}/a/猫.png`;
        assert.equal((await postJson(url, { fileId })).json().value, fileId);
        const refused = await postJson(url, { fileId: 'cloud://other.bucket/a/b' });
        assert.equal(
          `${refused.status} ${refused.json().errorCode}`,
          '400 WX_CLOUD_FILE_ID_INVALID',
        );
      });
    }
  },
  'a function of the request chooses the storage of pipes, uploads and replies': async modules => {
    const { ParseFileIdPipe, WxCloudFileInterceptor, WxCloudReplyInterceptor } = modules.storage;
    let asked = 0;
    const storage = ({ headers }) => {
      asked += 1;
      return headers['x-tenant'];
    };
    const controllers = [
      controllerOf(modules, {
        interceptors: [
          WxCloudFileInterceptor('photo', { storage, required: false }),
          WxCloudReplyInterceptor({ storage }),
        ],
        parameters: [modules.common.Query('id', ParseFileIdPipe.with({ storage }))],
        handle: fileId => ({ fileId }),
      }),
    ];
    await withApplication(modules, { controllers }, async ({ cloud, url }) => {
      const fileId = `cloud://${cloud.env}.${cloud.bucket}/a`;
      const address = `${url}?id=${encodeURIComponent(fileId)}`;
      const post = async tenant => {
        const form = new FormData();
        form.append('photo', new Blob([PNG]), 'a.png');
        const headers = { 'x-tenant': tenant };
        const response = await fetch(address, { method: 'POST', body: form, headers });
        return [response.status, await response.json()];
      };
      assert.deepEqual(await post('default'), [201, { fileId }]);
      assert.equal(asked, 1);
      assert.equal(cloud.objects.length, 1);
      const [status, { errorCode }] = await post('other');
      assert.deepEqual([status, errorCode], [404, 'WX_CLOUD_INSTANCE_NOT_FOUND']);
    });
    const parameters = [modules.common.Body('id', ParseFileIdPipe.with({ storage }))];
    const alone = [controllerOf(modules, { interceptors: [], parameters, handle: id => ({ id }) })];
    await withApplication(modules, { controllers: alone }, async ({ cloud, url }) => {
      const id = `cloud://${cloud.env}.${cloud.bucket}/a`;
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-tenant': 'default' },
        body: JSON.stringify({ id }),
      });
      assert.deepEqual([response.status, await response.json()], [201, { id }]);
    });
  },
  'a served file comes whole, in parts, and not again when it is known': modules =>
    withServing(modules, async get => {
      const whole = await get();
      assert.ok(PNG.equals(whole.bytes));
      assert.match(whole.headers.get('content-disposition'), /filename\*=UTF-8''%E7%85%A7/);
      const part = await get({ range: 'bytes=1-3' });
      assert.deepEqual([part.status, String(part.bytes)], [206, 'PNG']);
      const known = await get({ 'if-none-match': whole.headers.get('etag') });
      assert.deepEqual([known.status, known.bytes.length], [304, 0]);
    }),
  'the progress of an upload reaches who watches its ID': modules => {
    const { common, storage } = modules;
    const progressId = { header: 'x-upload-id' };
    const controllers = [
      controllerOf(modules, {
        interceptors: [storage.WxCloudFileInterceptor('photo', { progressId })],
        handle: () => ({ ok: true }),
      }),
    ];
    class ProgressController {
      constructor(progress) {
        this.progress = progress;
      }

      follow(id) {
        return this.progress.watch(id);
      }
    }
    common.Controller()(ProgressController);
    common.Inject(storage.WxCloudUploadProgress)(ProgressController, undefined, 0);
    decorate(ProgressController, 'follow', {
      method: [common.Sse('progress/:id')],
      parameters: [common.Param('id')],
    });
    controllers.push(ProgressController);
    return withApplication(modules, { controllers }, async ({ url }) => {
      const id = 'compat-0123456789';
      const events = await fetch(`${url}/progress/${id}`);
      const form = new FormData();
      form.append('photo', new Blob([PNG]), 'a.png');
      const headers = { 'x-upload-id': id };
      assert.equal((await fetch(url, { method: 'POST', headers, body: form })).status, 201);
      const text = await events.text();
      assert.match(text, new RegExp(`"transferredBytes":${PNG.length}`));
      assert.match(text, /"type":"end","outcome":"stored"/);
    });
  },
};

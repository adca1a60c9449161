'use strict';

// From a form to file IDs: accepted and refused forms, and the values that handlers receive.
const assert = require('node:assert/strict');
const { controllerOf, pngOfSize, PNG, until, withApplication } = require('./application.cjs');

const photo = (file = PNG, more = {}) => ({ field: 'photo', file, ...more });

/** Runs `work` on an application with one route, by default for the file of the field `photo`. */
const withRoute = (modules, { options, select, ...route }, work) => {
  const { common, storage } = modules;
  const interceptor = select?.(storage) ?? storage.WxCloudFileInterceptor('photo', options);
  const controller = controllerOf(modules, {
    interceptors: [interceptor],
    parameters: [common.UploadedFile()],
    handle: file => file ?? {},
    ...route,
  });
  return withApplication(modules, { controllers: [controller] }, work);
};

/** Checks a refusal; `expected` is the status and the code. */
const assertRefused = ({ status, body }, expected, cloud) => {
  assert.equal(`${status} ${body.errorCode}`, expected);
  assert.equal(cloud.objects.length, 0);
};

exports.checks = {
  'a file is stored byte for byte, with its names and type': modules =>
    withRoute(modules, { options: { path: '照片/' } }, async ({ cloud, post }) => {
      const file = pngOfSize(300_000);
      const { status, body } = await post([photo(file, { name: '猫 😀.jpg', type: 'image/jpeg' })]);
      assert.equal(status, 201);
      assert.equal(body.originalname, '猫 😀.jpg');
      assert.equal(body.mimetype, 'image/jpeg');
      assert.equal(body.contentType, 'image/png');
      assert.equal(body.size, file.length);
      assert.match(body.cloudPath, /^照片\/\d{4}\/\d\d\/\d\d\/[\da-f-]{36}\.png$/);
      assert.ok(file.equals(await cloud.readObject(body.cloudPath)));
      assert.equal(cloud.objects[0].fileIdAlive, true);
    }),
  'text before and behind the file arrives, and @FileId() gives its ID': modules => {
    const { common, storage } = modules;
    const parameters = [common.Body(), storage.FileId()];
    const handle = (body, fileId) => ({ body, fileId });
    return withRoute(modules, { parameters, handle }, async ({ cloud, post }) => {
      const { body } = await post([
        { field: 'a', text: '前' },
        photo(),
        { field: 'b', text: '后' },
      ]);
      assert.deepEqual(body, { body: { a: '前', b: '后' }, fileId: cloud.objects[0].fileId });
    });
  },
  'several files of one field keep their order': modules => {
    const { common, storage } = modules;
    const select = () => storage.WxCloudFilesInterceptor('photo', 3);
    const parameters = [common.UploadedFiles(), storage.FileIds()];
    const handle = (files, fileIds) => ({ names: files.map(f => f.originalname), fileIds });
    return withRoute(modules, { select, parameters, handle }, async ({ cloud, post }) => {
      const names = ['一.png', '二.png', '三.png'];
      const { body } = await post(names.map(name => photo(PNG, { name })));
      assert.deepEqual(body.names, names);
      assert.equal(new Set(body.fileIds).size, 3);
      assert.equal(cloud.objects.length, 3);
    });
  },
  'files of several fields are told apart': modules => {
    const { common, storage } = modules;
    const fields = [
      { name: 'cover', maxCount: 1 },
      { name: 'pages', maxCount: 2 },
    ];
    const select = () => storage.WxCloudFileFieldsInterceptor(fields);
    const parameters = [common.UploadedFiles(), storage.FileIds('pages')];
    const handle = (files, pages) => ({
      fields: Object.keys(files).toSorted(),
      pages: pages.length,
    });
    return withRoute(modules, { select, parameters, handle }, async ({ post }) => {
      const { body } = await post(['pages', 'cover', 'pages'].map(field => ({ field, file: PNG })));
      assert.deepEqual(body, { fields: ['cover', 'pages'], pages: 2 });
    });
  },
  'files of any field are taken, ten at most': modules => {
    const { common, storage } = modules;
    const select = () => storage.WxCloudAnyFilesInterceptor();
    const route = { select, parameters: [common.UploadedFiles()], handle: files => files.length };
    return withRoute(modules, route, async ({ cloud, post }) => {
      const parts = Array.from({ length: 11 }, (_, index) => ({ field: `f${index}`, file: PNG }));
      assert.deepEqual(await post(parts.slice(0, 2)), { status: 201, body: 2 });
      await cloud.reset();
      assertRefused(await post(parts), '400 WX_CLOUD_FORM_INVALID', cloud);
    });
  },
  'a path function decides, and is checked': modules => {
    const path = (file, request) => `${request.headers['x-folder']}/${file.size}.${file.extension}`;
    return withRoute(modules, { options: { path } }, async ({ cloud, url }) => {
      const send = folder => {
        const form = new FormData();
        form.append('photo', new Blob([PNG]), 'a.png');
        return fetch(url, { method: 'POST', headers: { 'x-folder': folder }, body: form });
      };
      assert.equal((await (await send('mine')).json()).cloudPath, `mine/${PNG.length}.png`);
      await cloud.reset();
      const refused = await send('..');
      const answer = { status: refused.status, body: await refused.json() };
      assertRefused(answer, '400 WX_CLOUD_PATH_INVALID', cloud);
    });
  },
  'a type is judged by the content': modules =>
    withRoute(modules, { options: { contentTypes: ['image/*'] } }, async ({ cloud, post }) => {
      for (const content of ['<!doctype html><p>', '', 'abc', '<svg xmlns="x"><script/></svg>']) {
        const answer = await post([photo(Buffer.from(content))]);
        assertRefused(answer, '415 WX_CLOUD_TYPE_REFUSED', cloud);
      }
      assert.deepEqual(cloud.journal, []);
    }),
  'text formats get their type from the application': modules => {
    const options = { contentTypes: ['text/csv'], detectContentType: () => 'text/csv' };
    return withRoute(modules, { options }, async ({ post }) => {
      assert.equal((await post([photo(Buffer.from('a,b'))])).body.contentType, 'text/csv');
    });
  },
  'a file may have as many bytes as the limit, and not one more': modules => {
    const options = { limits: { fileSize: 200_000 } };
    return withRoute(modules, { options }, async ({ cloud, post }) => {
      assert.equal((await post([photo(pngOfSize(200_000))])).body.size, 200_000);
      await cloud.reset();
      const refused = await post([photo(pngOfSize(200_001))]);
      assertRefused(refused, '413 WX_CLOUD_FILE_TOO_LARGE', cloud);
    });
  },
  'two mebibytes need no limit to be set': modules =>
    withRoute(modules, {}, async ({ post }) => {
      assert.equal((await post([photo(pngOfSize(2_097_152))])).body.size, 2_097_152);
    }),
  'a form without the file, with too many, or no form at all is refused': modules =>
    withRoute(modules, {}, async ({ cloud, post, url }) => {
      assertRefused(await post([{ field: 'a', text: 'b' }]), '400 WX_CLOUD_FILE_REQUIRED', cloud);
      assertRefused(await post([photo(), photo()]), '400 WX_CLOUD_FORM_INVALID', cloud);
      assertRefused(await post([{ field: 'b', file: PNG }]), '400 WX_CLOUD_FORM_INVALID', cloud);
      const headers = { 'content-type': 'application/json' };
      const response = await fetch(url, { method: 'POST', headers, body: '{}' });
      const answer = { status: response.status, body: await response.json() };
      assertRefused(answer, '400 WX_CLOUD_FORM_INVALID', cloud);
    }),
  'a file that is not required may be missing, and may be empty': modules => {
    const options = { required: false };
    return withRoute(modules, { options }, async ({ post }) => {
      assert.deepEqual(await post([{ field: 'a', text: 'b' }]), { status: 201, body: {} });
      assert.equal((await post([photo(Buffer.alloc(0))])).body.size, 0);
    });
  },
  'a declared size is taken, and a wrong one refused': modules => {
    const options = { declaredSize: { field: 'size' } };
    return withRoute(modules, { options }, async ({ cloud, post }) => {
      const file = pngOfSize(300_000);
      const send = text => post([{ field: 'size', text }, photo(file)]);
      assert.equal((await send('300000')).body.size, 300_000);
      await cloud.reset();
      assertRefused(await send('299999'), '400 WX_CLOUD_SIZE_MISMATCHED', cloud);
      assertRefused(await send('300001'), '400 WX_CLOUD_SIZE_MISMATCHED', cloud);
    });
  },
};

/** Checks that Nest's own pipe uses the content, and that a file it refuses is deleted. */
const checkParseFilePipe = async (modules, select) => {
  const { common } = modules;
  const pipe = new common.ParseFilePipeBuilder()
    .addFileTypeValidator({ fileType: 'image/png' })
    .addMaxSizeValidator({ maxSize: 300_001 })
    .build();
  const parameters = [common.UploadedFile(pipe)];
  await withRoute(modules, { select, parameters }, async ({ cloud, post }) => {
    const { status, body } = await post([photo(pngOfSize(300_000), { type: 'text/plain' })]);
    assert.equal(`${status} ${body.contentType}`, '201 image/png');
    assert.equal('buffer' in body, false);
    await cloud.reset();
    for (const file of [Buffer.from('<!doctype html><p>'), pngOfSize(300_001)]) {
      const refused = await post([photo(file)]);
      assert.equal(refused.status, 400);
      assert.match(refused.body.message, /^Validation failed/);
      await until(() => cloud.objects.length === 0, 'an empty storage');
    }
  });
};
exports.checks["Nest's ParseFilePipe goes by the content, and removes what it refuses"] = modules =>
  checkParseFilePipe(modules);

/** Checks for the engine only. */
exports.engineChecks = {
  "ParseFilePipe goes by the content behind Nest's own interceptor too": modules => {
    const { storage, FileInterceptor } = modules;
    const engine = storage.wxCloudUpload();
    return checkParseFilePipe(modules, () => FileInterceptor('photo', { storage: engine }));
  },
  "the engine alone works behind Nest's own interceptor": modules => {
    const { storage, FileInterceptor } = modules;
    const engine = storage.wxCloudUpload({ path: 'engine/', contentTypes: ['image/*'] });
    const select = () => FileInterceptor('photo', { storage: engine });
    return withRoute(modules, { select }, async ({ cloud, post }) => {
      assert.match((await post([photo()])).body.cloudPath, /^engine\//);
      await cloud.reset();
      const refused = await post([photo(Buffer.from('text'))]);
      assertRefused(refused, '415 WX_CLOUD_TYPE_REFUSED', cloud);
    });
  },
};

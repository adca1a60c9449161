'use strict';

// Tools for the checks. Modules are parameters (`modules`), because they are loaded in different
// ways.
const { connect } = require('node:net');
const { setTimeout: delay } = require('node:timers/promises');

/** The smallest PNG. */
exports.PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);
exports.pngOfSize = size =>
  Buffer.concat([exports.PNG, Buffer.alloc(size - exports.PNG.length, 7)]);

/** Waits until a condition holds; fails after five seconds. */
exports.until = async (condition, what) => {
  for (const endMs = Date.now() + 5_000; Date.now() < endMs; await delay(5)) {
    if (await condition()) return;
  }
  throw new Error(`${what} did not come true within 5 s`);
};

/** Decorates a method as TypeScript would. `parameters` are decorators by position. */
exports.decorate = (type, name, { method = [], parameters = [] }) => {
  const descriptor = Object.getOwnPropertyDescriptor(type.prototype, name);
  parameters.forEach((decorator, index) => decorator(type.prototype, name, index));
  for (const decorator of method) decorator(type.prototype, name, descriptor);
};

/** Creates a controller with one route `POST /`: `handle` receives what `parameters` decorate. */
exports.controllerOf = ({ common }, { interceptors, guards = [], parameters = [], handle }) => {
  class CheckController {
    create(...given) {
      return handle(...given);
    }
  }
  common.Controller()(CheckController);
  exports.decorate(CheckController, 'create', {
    method: [common.Post(), common.UseInterceptors(...interceptors), common.UseGuards(...guards)],
    parameters,
  });
  return CheckController;
};

/** Starts the emulator and an application that uses it; runs `work`; closes both. */
exports.withApplication = async (
  modules,
  { controllers = [], imports, options, configure },
  work,
) => {
  const { common, core, storage, emulator, createAdapter } = modules;
  const cloud = await emulator.startWxCloudEmulator();
  const given = {
    ...cloud.options,
    retry: { attempts: 3, minDelayMs: 0, maxDelayMs: 0 },
    timeouts: { idleMs: 1_000 },
    ...options,
  };
  class AppModule {}
  common.Module({
    imports: imports?.(given) ?? [
      storage.WxCloudStorageModule.forRoot({ isGlobal: true, ...given }),
    ],
    controllers,
  })(AppModule);
  let app;
  try {
    app = await core.NestFactory.create(AppModule, createAdapter(), {
      logger: false,
      abortOnError: false,
    });
    configure?.(app);
    await app.listen(0, '127.0.0.1');
    const url = await app.getUrl();
    return await work({ app, cloud, url, post: parts => exports.postForm(url, parts) });
  } finally {
    await app?.close();
    await cloud.close();
  }
};

/** Posts a form: a part is `{ field, text }` or `{ field, file, name?, type? }`. */
exports.postForm = async (url, parts) => {
  const form = new FormData();
  for (const { field, text, file, name = 'photo.png', type = 'image/png' } of parts) {
    if (file === undefined) form.append(field, text);
    else form.append(field, new Blob([file], { type }), name);
  }
  const response = await fetch(url, { method: 'POST', body: form });
  const body = await response.text();
  return { status: response.status, body: body === '' ? undefined : JSON.parse(body) };
};

/**
 * Sends the first bytes of a form with one file over a separate socket, which the check continues
 * to use.
 */
exports.openForm = (url, { file, bytes }) => {
  const head = '--b\r\ncontent-disposition: form-data; name="photo"; filename="a.png"\r\n\r\n';
  const body = Buffer.concat([Buffer.from(head), file, Buffer.from('\r\n--b--\r\n')]);
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => {});
  socket.write(
    'POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: multipart/form-data; boundary=b\r\n' +
      `content-length: ${body.length}\r\n\r\n`,
  );
  socket.write(body.subarray(0, bytes));
  return socket;
};

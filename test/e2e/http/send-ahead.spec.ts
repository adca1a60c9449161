import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { Server, Socket } from 'node:net';
import { json } from 'node:stream/consumers';
import { setImmediate } from 'node:timers/promises';
import { Controller, Module, Post, UploadedFile, UseInterceptors } from '@nestjs/common';
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  it,
  jest,
} from '@jest/globals';
import {
  WxCloudFileInterceptor,
  WxCloudFilesInterceptor,
  type WxCloudIncomingFile,
  type WxCloudUploadedFile,
  WxCloudUploadProgress,
} from '../../../lib/index.js';
import { ADAPTERS, EXPRESS } from '../../support/adapters.js';
import { afterThisTest } from '../../support/after-test.js';
import { pngOfSize } from '../../support/forms.js';
import { until } from '../../support/until.js';
import {
  expectNothingLeft,
  startEdgeApplication,
  type EdgeApplication,
  type EdgeApplicationParts,
} from './support/edge-application.js';
import {
  encodeForm,
  headOf,
  openRequest,
  type RawPart,
  type RawRequest,
} from './support/raw-request.js';
import { watchForms } from './support/watched-forms.js';

const BYTES = 400_000;
/** Where clients pause: in the middle of the file. */
const MIDDLE = 250_000;
const limits = { fileSize: 1_000_000 };

let asked: WxCloudIncomingFile[] = [];

@Controller()
class PhotosController {
  @Post('photos')
  @UseInterceptors(WxCloudFilesInterceptor('photo', 3, { limits, path: 'photos/' }))
  create() {
    return { stored: true };
  }

  @Post('few')
  @UseInterceptors(WxCloudFilesInterceptor('photo', 3, { limits: { ...limits, files: 20 } }))
  few() {
    return { stored: true };
  }

  @Post('asked')
  @UseInterceptors(
    WxCloudFileInterceptor('photo', {
      limits,
      path: file => {
        asked.push(file);
        return `asked/${file.uuid}`;
      },
    }),
  )
  asked(@UploadedFile() photo: WxCloudUploadedFile) {
    return { size: photo.size };
  }

  @Post('sized')
  @UseInterceptors(
    WxCloudFileInterceptor('photo', {
      limits,
      path: ({ uuid, size }) => `sized/${size}/${uuid}`,
    }),
  )
  sized(@UploadedFile() photo: WxCloudUploadedFile) {
    return { cloudPath: photo.cloudPath };
  }

  @Post('followed')
  @UseInterceptors(
    WxCloudFileInterceptor('photo', { limits, progressId: { header: 'x-upload-id' } }),
  )
  followed() {
    return { stored: true };
  }

  @Post('unsteady')
  @UseInterceptors(WxCloudFilesInterceptor('photo', 3, { limits, path: 'photos/' }))
  unsteady() {
    return { stored: true };
  }
}

@Module({ providers: [WxCloudUploadProgress], exports: [WxCloudUploadProgress] })
class ProgressModule {}

const photo = (content = pngOfSize(BYTES)): RawPart => ({
  field: 'photo',
  content,
  fileName: 'a.png',
});
const FORM = encodeForm([photo()]);
const WITHOUT_LAST_LINE_END = FORM.subarray(0, -2);

describe.each(ADAPTERS)('upload.sendAhead on $name', adapter => {
  let application: EdgeApplication;
  beforeAll(async () => {
    application = await startEdgeApplication({ adapter, controllers: [PhotosController] });
  });
  beforeEach(() => {
    asked = [];
  });
  afterEach(() => application.emulator.reset());
  afterAll(() => application.close());

  const begin = (form: Buffer, path = '/photos', length = form.byteLength): RawRequest => {
    const request = openRequest(application.url, { path, length });
    request.send(form.subarray(0, MIDDLE));
    return request;
  };
  /** Counts the links; a token from before the last reset gets none. */
  const countLinks = (): number =>
    application.emulator.journal.filter(
      ({ operation, errcode }) => operation === 'upload-link' && errcode === undefined,
    ).length;
  const expectStored = async (content = pngOfSize(BYTES)): Promise<void> => {
    const { objects } = application.emulator;
    expect(objects).toHaveLength(1);
    const stored = await application.emulator.readObject(String(objects[0]?.cloudPath));
    expect(stored.equals(content)).toBe(true);
  };

  it.each([
    ['a form', FORM],
    ['a form without its last line end', WITHOUT_LAST_LINE_END],
    ['a form with a text before its file', encodeForm([{ field: 'a', content: 'b' }, photo()])],
  ])('sends %s while the client sends it', async (_, form) => {
    const forms = watchForms(application.emulator.url);
    const request = begin(form);
    await until(() => Number(forms[0]?.arrivedBytes()) > MIDDLE - 20_000, 'the first bytes');
    request.send(form.subarray(MIDDLE));

    expect(await request.response).toMatch(/^HTTP\/1\.1 201 /);
    await expectStored();
    expect(countLinks()).toBe(1);
    expect(application.count('post-object')).toBe(1);
  });

  it('completes the object only after the form has ended', async () => {
    const forms = watchForms(application.emulator.url);
    const request = begin(FORM);
    await until(() => forms.length > 0, 'the form');
    request.send(FORM.subarray(MIDDLE, -1));
    await until(() => Number(forms[0]?.arrivedBytes()) > BYTES - 100, 'nearly all bytes');
    expect(application.emulator.objects).toEqual([]);
    request.send(FORM.subarray(-1));

    expect(await request.response).toMatch(/^HTTP\/1\.1 201 /);
    await expectStored();
  });

  it.each([
    ['a field after the file', [photo(), { field: 'text', content: 'behind' }], 1],
    ['a second file', [photo(), photo(pngOfSize(100))], 2],
  ] as const)('sends again what was kept: %s', async (_, parts, count) => {
    const forms = watchForms(application.emulator.url);
    const form = encodeForm(parts);
    const request = begin(form, '/unsteady');
    await until(() => Number(forms[0]?.arrivedBytes()) > 100_000, 'the first bytes');
    request.send(form.subarray(MIDDLE));

    expect(await request.response).toMatch(/^HTTP\/1\.1 201 /);
    expect(application.emulator.objects.map(({ size }) => size)).toContain(BYTES);
    expect(application.emulator.objects).toHaveLength(count);
    expect(forms).toHaveLength(count + 1);
    expect(countLinks()).toBe(count);
    await until(() => forms[0]?.isCut() === true, 'the end of the first form');
  });

  it('sends again what was kept when the form has an epilogue', async () => {
    const forms = watchForms(application.emulator.url);
    const form = Buffer.concat([FORM, Buffer.alloc(1_000, 'epilogue')]);
    const request = begin(form);
    await until(() => forms.length > 0, 'the form');
    request.send(form.subarray(MIDDLE));

    expect(await request.response).toMatch(/^HTTP\/1\.1 201 /);
    await expectStored();
    expect(forms).toHaveLength(2);
  });

  it.each([
    ['in the middle', MIDDLE],
    ['before the last boundary', FORM.byteLength - 20],
    ['before the last line end', FORM.byteLength - 2],
    ['before the last byte', FORM.byteLength - 1],
  ])('leaves nothing when the client leaves %s', async (_, sentBytes) => {
    const forms = watchForms(application.emulator.url);
    const request = begin(FORM);
    await until(() => forms.length > 0, 'the form');
    request.send(FORM.subarray(MIDDLE, sentBytes));
    const sentOn = Math.min(sentBytes, BYTES) - 10_000;
    await until(() => Number(forms[0]?.arrivedBytes()) > sentOn, 'the bytes');
    request.leave();

    await until(() => forms[0]?.isCut() === true, 'the end of the form');
    expect(application.count('delete-files')).toBe(0);
    await expectNothingLeft(application);
    expect(application.onOrphan).not.toHaveBeenCalled();
  });

  it('repeats an upload that fails in the middle, from what was kept', async () => {
    application.emulator.faults.add({
      operation: 'post-object',
      effect: { kind: 'reset', at: 'request', afterBytes: 100_000 },
    });
    const request = begin(FORM);
    await until(() => application.count('post-object') > 0, 'the failure');
    request.send(FORM.subarray(MIDDLE));

    expect(await request.response).toMatch(/^HTTP\/1\.1 201 /);
    await expectStored();
    expect(countLinks()).toBe(2);
  });

  it('repeats an upload that the storage refuses for the moment', async () => {
    application.emulator.faults.add({
      operation: 'post-object',
      effect: { kind: 'cos-error', cosCode: 'SlowDown', status: 503 },
    });
    const request = begin(FORM);
    request.send(FORM.subarray(MIDDLE));

    expect(await request.response).toMatch(/^HTTP\/1\.1 201 /);
    await expectStored();
  });

  it('fails before the client has ended when no link is to be had', async () => {
    application.emulator.faults.add({
      operation: 'upload-link',
      effect: { kind: 'errcode', errcode: 48_001, errmsg: 'api unauthorized' },
    });
    const request = begin(FORM);
    await until(() => application.count('upload-link') > 0, 'the link');
    await until(async () => (await application.countSpoolHandles()) === 0, 'the end of the file');
    request.send(FORM.subarray(MIDDLE));

    expect(await request.response).toMatch(/^HTTP\/1\.1 502 /);
    expect(application.count('post-object')).toBe(0);
    await expectNothingLeft(application);
  });

  it('asks for a path once when the size is as predicted', async () => {
    const request = begin(FORM, '/asked');
    await until(() => countLinks() > 0, 'the link');
    request.send(FORM.subarray(MIDDLE));

    expect(await request.response).toContain(JSON.stringify({ size: BYTES }));
    expect(asked.map(({ size }) => size)).toEqual([BYTES]);
  });

  it('asks for a path again when the size is another one, with the same ID', async () => {
    const form = encodeForm([photo(), { field: 'text', content: 'behind' }]);
    const request = begin(form, '/asked');
    await until(() => countLinks() > 0, 'the link');
    request.send(form.subarray(MIDDLE));

    expect(await request.response).toContain(JSON.stringify({ size: BYTES }));
    const [first, second] = asked;
    expect(asked).toHaveLength(2);
    expect(second).toMatchObject({ size: BYTES, uuid: first?.uuid });
    expect(first?.size).toBeGreaterThan(BYTES);
  });

  it('stores at the path for the real size', async () => {
    const forms = watchForms(application.emulator.url);
    const request = begin(WITHOUT_LAST_LINE_END, '/sized');
    await until(() => forms.length > 0, 'the form');
    request.send(WITHOUT_LAST_LINE_END.subarray(MIDDLE));

    expect(await request.response).toContain(`sized/${BYTES}/`);
    await expectStored();
    expect(forms).toHaveLength(2);
  });

  it('asks for the link of a file of unknown length while it arrives', async () => {
    const { port } = new URL(application.url);
    const headers = { 'content-type': 'multipart/form-data; boundary=boundary' };
    const request = httpRequest({ port, path: '/photos', method: 'POST', headers });
    request.write(FORM.subarray(0, MIDDLE));
    await until(() => countLinks() > 0, 'the link');
    expect(application.count('post-object')).toBe(0);
    request.end(FORM.subarray(MIDDLE));

    expect(await once(request, 'response')).toMatchObject([{ statusCode: 201 }]);
    await expectStored();
    expect(countLinks()).toBe(1);
  });

  it.each([
    ['too long to be discarded', '/asked', 20_000_000],
    ['that is discarded', '/asked', 12_000_000],
    ['that only more files than its field takes could have', '/few', 12_000_000],
  ])('refuses a form %s before it is read', async (_, path, length) => {
    const headers = {
      'content-type': 'multipart/form-data; boundary=boundary',
      'content-length': length,
    };
    const { port } = new URL(application.url);
    const request = httpRequest({ port, path, method: 'POST', headers });
    request.on('error', () => {});
    request.flushHeaders();

    const [response] = (await once(request, 'response')) as [IncomingMessage];
    expect(response.statusCode).toBe(413);
    expect(await json(response)).toMatchObject({
      errorCode: 'WX_CLOUD_FILE_TOO_LARGE',
      message: expect.stringMatching(
        new RegExp(`${length} bytes.*limits\\.fileSize \\(1000000\\)`),
      ),
    });
    request.destroy();
    expect(application.emulator.journal).toEqual([]);
  });

  it('takes the next request behind a form that was refused before it was read', async () => {
    const length = 8_000_000;
    const request = openRequest(application.url, {
      path: '/asked',
      length,
      connection: 'keep-alive',
    });
    await once(request.socket, 'data');
    request.send(Buffer.alloc(length), headOf({ path: '/photos', length: FORM.byteLength }), FORM);

    const statuses = (await request.response).match(/HTTP\/1\.1 \d+/g);
    expect(statuses).toEqual(['HTTP/1.1 413', 'HTTP/1.1 201']);
  });

  it('reads such a form to its end before a connection closes that ends with it', async () => {
    const length = 8_000_000;
    const request = openRequest(application.url, { path: '/asked', length });
    const errors: Error[] = [];
    request.socket.on('error', error => errors.push(error));
    await once(request.socket, 'data');
    request.send(Buffer.alloc(length));

    expect(await request.response).toContain('HTTP/1.1 413');
    expect(errors).toEqual([]);
    expect(request.socket.bytesWritten).toBeGreaterThan(length);
  });

  it('leaves a connection alone that such a client has cut', async () => {
    const server = application.app.getHttpServer() as Server;
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    const request = openRequest(application.url, {
      path: '/asked',
      length: 8_000_000,
      connection: 'keep-alive',
    });
    const [socket] = await accepted;
    const ending = jest.spyOn(socket, 'end');
    await once(request.socket, 'data');
    request.leave();
    await until(() => socket.closed, 'the end of the connection');

    await setImmediate();
    expect(ending).not.toHaveBeenCalled();
  });
});

describe('upload.sendAhead', () => {
  const start = async (options: EdgeApplicationParts['options'] = {}): Promise<EdgeApplication> => {
    const application = await startEdgeApplication({
      adapter: EXPRESS,
      controllers: [PhotosController],
      imports: [ProgressModule],
      options,
    });
    afterThisTest(() => application.close());
    return application;
  };
  const begin = ({ url }: EdgeApplication, form: Buffer, path: string): RawRequest => {
    const request = openRequest(url, { path, length: form.byteLength });
    request.send(form.subarray(0, MIDDLE));
    return request;
  };
  const WITH_FIELD_BEHIND = encodeForm([photo(), { field: 'text', content: 'behind' }]);
  beforeEach(() => {
    asked = [];
  });

  it('false asks for path and link once the file is complete', async () => {
    const application = await start({ upload: { sendAhead: false } });
    const request = begin(application, WITH_FIELD_BEHIND, '/asked');
    await until(async () => (await application.countSpoolHandles()) > 0, 'a temporary file');
    expect([asked.length, application.emulator.journal.length]).toEqual([0, 0]);
    request.send(WITH_FIELD_BEHIND.subarray(MIDDLE));

    expect(await request.response).toMatch(/^HTTP\/1\.1 201 /);
    expect(asked.map(({ size }) => size)).toEqual([BYTES]);
  });

  it('stops for a while on a route whose forms go on after their file', async () => {
    const application = await start();
    for (let index = 0; index < 4; index += 1) {
      const request = begin(application, WITH_FIELD_BEHIND, '/asked');
      request.send(WITH_FIELD_BEHIND.subarray(MIDDLE));
      expect(await request.response).toMatch(/^HTTP\/1\.1 201 /);
    }

    const predicted = WITH_FIELD_BEHIND.byteLength - FORM.byteLength + BYTES;
    const sizes = [0, 1, 2].flatMap(() => [predicted, BYTES]);
    expect(asked.map(({ size }) => size)).toEqual([...sizes, BYTES]);
  });

  it('sends again without the type what a storage refuses with it', async () => {
    const application = await start();
    application.emulator.faults.add({
      operation: 'post-object',
      effect: { kind: 'cos-error', cosCode: 'AccessDenied', status: 403 },
    });
    const request = begin(application, FORM, '/photos');
    await until(() => application.count('upload-link') > 0, 'the link');
    request.send(FORM.subarray(MIDDLE));

    expect(await request.response).toMatch(/^HTTP\/1\.1 201 /);
    expect(application.emulator.objects).toMatchObject([
      { size: BYTES, contentType: 'application/octet-stream' },
    ]);
  });

  it('sends again what was kept when the storage does not respond', async () => {
    const application = await start({ timeouts: { headersMs: 1_000, idleMs: 60_000 } });
    application.emulator.faults.add({
      operation: 'post-object',
      effect: { kind: 'hang', at: 'request' },
    });
    const forms = watchForms(application.emulator.url);
    const request = begin(application, FORM, '/photos');
    await until(() => forms.length > 0, 'the form');
    request.send(FORM.subarray(MIDDLE));

    expect(await request.response).toMatch(/^HTTP\/1\.1 201 /);
    expect(application.emulator.objects).toMatchObject([{ size: BYTES }]);
    expect(forms).toHaveLength(2);
  });

  it('reports the bytes that go to the storage while the client sends', async () => {
    const application = await start();
    const events: { readonly type: string; readonly transferredBytes?: number }[] = [];
    const id = 'a-page-follows-this';
    const progress = application.app.get(WxCloudUploadProgress, { strict: false });
    progress.watch(id).subscribe(({ data }) => events.push(data));
    const request = openRequest(application.url, {
      path: '/followed',
      length: FORM.byteLength,
      headers: { 'x-upload-id': id },
    });
    request.send(FORM.subarray(0, MIDDLE));
    await until(() => events.length > 0, 'the progress');
    request.send(FORM.subarray(MIDDLE));

    expect(await request.response).toMatch(/^HTTP\/1\.1 201 /);
    await until(() => events.at(-1)?.type === 'end', 'the end');
    expect(events.at(-2)).toMatchObject({ transferredBytes: BYTES, totalBytes: BYTES });
  });

  it('gives way to requests that wait for a connection while its client does not go on', async () => {
    const application = await start({ maxConnections: 3 });
    const forms = watchForms(application.emulator.url);
    const held = begin(application, FORM, '/photos');
    await until(() => Number(forms[0]?.arrivedBytes()) > 100_000, 'the first bytes');
    expect(await application.post('photos')).toMatchObject({ status: 201 });
    held.send(FORM.subarray(MIDDLE));

    expect(await held.response).toMatch(/^HTTP\/1\.1 201 /);
    expect(application.emulator.objects).toHaveLength(2);
    expect(forms[0]?.isCut()).toBe(true);
  });

  it('sends no more than half of the connections ahead', async () => {
    const application = await start({ maxConnections: 5 });
    const forms = watchForms(application.emulator.url);
    const held = [0, 1, 2].map(() => begin(application, FORM, '/photos'));
    await until(() => application.count('upload-link') === 3, 'all links');
    await until(() => forms.length === 2, 'two forms');
    for (const request of held) request.send(FORM.subarray(MIDDLE));

    for (const { response } of held) expect(await response).toMatch(/^HTTP\/1\.1 201 /);
    expect(application.emulator.objects).toHaveLength(3);
    expect(forms).toHaveLength(3);
  });
});

import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import {
  Body,
  ConflictException,
  Controller,
  Get,
  Logger,
  Post,
  UploadedFile,
  UseInterceptors,
} from '@nestjs/common';
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { lastValueFrom, map, toArray } from 'rxjs';
import { startWxCloudEmulator } from '../../../lib/emulator/index.js';
import { rawRequestOf } from '../../../lib/http/request-origin.js';
import {
  FileId,
  FileIds,
  WxCloudFileInterceptor,
  WxCloudFilesInterceptor,
  WxCloudReplyInterceptor,
  WxCloudStorageRegistry,
  WxCloudUploadProgress,
  wxCloudUpload,
  type WxCloudReply,
  type WxCloudUploadedFile,
} from '../../../lib/index.js';
import { ADAPTERS, type Adapter } from '../../support/adapters.js';
import { afterThisTest } from '../../support/after-test.js';
import { PNG, pngOfSize } from '../../support/forms.js';
import { until } from '../../support/until.js';
import { encodeForm, openRequest } from './support/raw-request.js';
import {
  addChoice,
  ofTenant,
  startTenants,
  wasRead,
  type TenantsApplication,
} from './support/tenants.js';

const replying = WxCloudReplyInterceptor({ storage: ofTenant, path: 'out/', url: true });

function tenantsController({ FileInterceptor }: Adapter) {
  @Controller()
  class TenantsController {
    @Post('one')
    @UseInterceptors(WxCloudFileInterceptor('photo', { storage: ofTenant, path: 'in/' }))
    one(@FileId() fileId: string) {
      return { fileId };
    }

    @Post('many')
    @UseInterceptors(WxCloudFilesInterceptor('photo', 9, { storage: ofTenant }))
    many(@FileIds() fileIds: readonly string[]) {
      return { fileIds };
    }

    @Post('watched')
    @UseInterceptors(
      WxCloudFileInterceptor('photo', { storage: ofTenant, progressId: { field: 'id' } }),
    )
    watched(@FileId() fileId: string) {
      return { fileId };
    }

    @Post('failing')
    @UseInterceptors(WxCloudFileInterceptor('photo', { storage: ofTenant, path: 'in/' }))
    failing(@FileId() fileId: string) {
      throw new ConflictException(fileId);
    }

    @Post('copying')
    @UseInterceptors(WxCloudFileInterceptor('photo', { storage: ofTenant }), replying)
    copying(@UploadedFile() { fileId }: WxCloudUploadedFile) {
      return Buffer.from(fileId);
    }

    @Get('reply')
    @UseInterceptors(replying)
    reply() {
      return Readable.from([PNG]);
    }

    @Post('reply')
    @UseInterceptors(replying)
    replyToForm() {
      return PNG;
    }

    @Post('engine')
    @UseInterceptors(
      FileInterceptor('photo', {
        storage: wxCloudUpload({ storage: ofTenant, path: 'in/' }),
        limits: { fileSize: 40_000_000 },
      }),
    )
    engine(@FileId() fileId: string, @Body() _fields: unknown) {
      return { fileId };
    }
  }
  return TenantsController;
}

/** Failing choices, the status and the body of the response. */
const REFUSALS: readonly [string, number, object][] = [
  ['unknown', 404, { errorCode: 'WX_CLOUD_INSTANCE_NOT_FOUND' }],
  ['empty', 404, { errorCode: 'WX_CLOUD_INSTANCE_NOT_FOUND' }],
  ['prototype', 404, { errorCode: 'WX_CLOUD_INSTANCE_NOT_FOUND' }],
  ['forbidden', 403, { message: 'not your tenant' }],
  ['forbidden-late', 403, { message: 'not your tenant' }],
  ['broken', 500, { message: 'Internal server error' }],
  ['undefined', 500, { errorCode: 'WX_CLOUD_OPTIONS_INVALID' }],
  ['null', 500, { errorCode: 'WX_CLOUD_OPTIONS_INVALID' }],
  ['number', 500, { errorCode: 'WX_CLOUD_OPTIONS_INVALID' }],
  ['object', 500, { errorCode: 'WX_CLOUD_OPTIONS_INVALID' }],
];

describe.each(ADAPTERS)('a storage that the request chooses, on $name', adapter => {
  let application: TenantsApplication;
  beforeAll(async () => {
    application = await startTenants({ adapter, controllers: [tenantsController(adapter)] });
  });
  afterAll(() => application.close());
  beforeEach(() => {
    ofTenant.mockClear();
    wasRead.length = 0;
  });

  const countObjects = () => {
    const { clouds, emulator } = application;
    return [clouds.red, clouds.blue, emulator].map(({ objects }) => objects.length);
  };
  const contentOf = async (response: Response, tenant: 'red' | 'blue'): Promise<Buffer> => {
    const { fileId } = (await response.json()) as { fileId: string };
    return application.serviceOf(tenant).downloadBuffer(fileId);
  };

  it.each(['one', 'engine'])('stores the file of each tenant in its own cloud: %s', async path => {
    const [red, blue] = [pngOfSize(100_000), pngOfSize(200_000)];
    const responses = await Promise.all([
      application.post(path, 'red', [{ field: 'photo', file: red }]),
      application.post(path, 'blue', [{ field: 'photo', file: blue }]),
    ]);
    expect(responses.map(({ status }) => status)).toEqual([201, 201]);
    const [ofRed, ofBlue] = responses as [Response, Response];
    expect((await contentOf(ofRed, 'red')).equals(red)).toBe(true);
    expect((await contentOf(ofBlue, 'blue')).equals(blue)).toBe(true);
    expect(application.emulator.objects).toEqual([]);
  });

  it('stores through a fake that the function returns', async () => {
    const fileId = 'cloud://any-env.any-bucket/faked.png';
    addChoice('fake', () => fakeService);
    const fakeService = { upload: async () => ({ fileId }) };
    const response = await application.post('one', 'fake');
    expect(await response.json()).toEqual({ fileId });
  });

  it('never mixes tenants whose requests run at the same time', async () => {
    let choose: (name: string) => void = () => {};
    const chosen = new Promise<string>(resolve => (choose = resolve));
    addChoice('red-late', () => chosen);
    const tenants = Array.from({ length: 12 }, () => ['red-late', 'blue']).flat();
    const posting = tenants.map(tenant =>
      application.post('many', tenant, [
        { field: 'photo', file: PNG },
        { field: 'photo', file: pngOfSize(70_000) },
      ]),
    );
    // The second tenant's requests overtake those of the first.
    await posting[1];
    choose('red');
    const bodies = await Promise.all(posting.map(async one => (await one).json()));
    const environments = (bodies as { fileIds: string[] }[]).map(({ fileIds }) =>
      fileIds.map(fileId => /^cloud:\/\/(\w+)-env\./.exec(fileId)?.[1]),
    );
    expect(environments).toEqual(
      tenants.map(tenant => Array.from({ length: 2 }, () => tenant.replace('-late', ''))),
    );
  });

  it('takes a service as well as its name', async () => {
    const response = await application.post('one', 'service');
    expect((await contentOf(response, 'red')).equals(PNG)).toBe(true);
  });

  it('asks once for a request, before its body is read', async () => {
    const response = await application.post('copying', 'red');
    const { url, ...reply } = (await response.json()) as WxCloudReply;
    expect(reply).toMatchObject({ fileId: expect.stringMatching(/^cloud:\/\/red-env\./) });
    expect((await (await fetch(String(url))).text()).startsWith('cloud://red-env.')).toBe(true);
    expect(ofTenant).toHaveBeenCalledTimes(1);
    expect(wasRead).toEqual([false]);
  });

  it('stores the response of each tenant in its own cloud', async () => {
    const responses = await Promise.all([
      application.get('reply', 'red'),
      application.get('reply', 'blue'),
    ]);
    const [ofRed, ofBlue] = responses as [Response, Response];
    expect((await contentOf(ofRed, 'red')).equals(PNG)).toBe(true);
    expect((await contentOf(ofBlue, 'blue')).equals(PNG)).toBe(true);
  });

  it('deletes the files of a failed request in the cloud of its tenant', async () => {
    const before = countObjects();
    const deletions = () =>
      application.clouds.red.journal.filter(({ operation }) => operation === 'delete-files').length;
    const deletionsBefore = deletions();
    expect((await application.post('failing', 'red')).status).toBe(409);
    await until(() => deletions() > deletionsBefore, 'a deletion');
    expect(countObjects()).toEqual(before);
  });

  describe.each(['one', 'reply', 'engine'])('of the route %s', path => {
    it.each(REFUSALS)('refuses a request for %s with %d', async (choice, status, body) => {
      const log = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => {});
      afterThisTest(() => log.mockRestore());
      const before = countObjects();
      const response = await application.post(path, choice, [
        { field: 'photo', file: pngOfSize(300_000) },
      ]);
      expect(response.status).toBe(status);
      const text = await response.text();
      expect(JSON.parse(text)).toMatchObject(body);
      expect(text).not.toMatch(/\b(?:green|red|blue)\b|secret/);
      expect(countObjects()).toEqual(before);
    });
  });

  it.each([
    ['one', 'TenantsController.one: option "storage" of WxCloudFileInterceptor must be a function'],
    ['reply', 'TenantsController.replyToForm: option "storage" of WxCloudReplyInterceptor must be'],
    ['engine', 'option "storage" of wxCloudUpload() must be a function'],
  ])('logs a useless result with its handler and option: %s', async (path, message) => {
    const log = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => {});
    afterThisTest(() => log.mockRestore());
    await application.post(path, 'number');
    expect(log.mock.calls.flat()).toEqual([
      expect.stringContaining(`POST /${path}: 500 WX_CLOUD_OPTIONS_INVALID: ${message}`),
    ]);
    expect(log.mock.calls.flat()).toEqual([expect.stringContaining('it returned number')]);
  });

  it.each([
    ['one', 40_000],
    ['reply', 40_000],
    // Its parser reads on, up to the limit for refused forms.
    ['engine', 17_000_000],
  ])('ends a refused request that is not sent to its end: %s', async (path, sentBytes) => {
    const headers = { 'x-tenant': 'unknown' };
    const content = pngOfSize(29_000_000);
    const form = encodeForm([{ field: 'photo', fileName: 'a.png', content }]);
    const request = openRequest(application.url, {
      path: `/${path}`,
      length: form.byteLength,
      connection: 'keep-alive',
      headers,
    });
    request.send(form.subarray(0, sentBytes));
    expect(await request.response).toMatch(/^HTTP\/1\.1 404 .*WX_CLOUD_INSTANCE_NOT_FOUND/s);
  });

  it('shows the progress of each tenant by its own ID', async () => {
    const progress = application.app.get(WxCloudUploadProgress, { strict: false });
    const ids = ['progress-of-red-0', 'progress-of-blue'] as const;
    const watching = ids.map(id =>
      lastValueFrom(
        progress.watch(id).pipe(
          map(({ data }) => data),
          toArray(),
        ),
      ),
    );
    const sizes = [100_000, 200_000] as const;
    await Promise.all(
      (['red', 'blue'] as const).map((tenant, index) =>
        application.post('watched', tenant, [
          { field: 'id', text: String(ids[index]) },
          { field: 'photo', file: pngOfSize(Number(sizes[index])) },
        ]),
      ),
    );
    const events = await Promise.all(watching);
    expect(events.map(list => list.at(-1))).toEqual([
      { type: 'end', outcome: 'stored' },
      { type: 'end', outcome: 'stored' },
    ]);
    expect(events.map(list => list.at(-2))).toMatchObject(
      sizes.map(totalBytes => ({ type: 'progress', totalBytes })),
    );
    const totals = events.map(list =>
      list.slice(0, -1).map(event => (event as { totalBytes?: number }).totalBytes),
    );
    expect(totals.map(list => new Set(list))).toEqual(sizes.map(size => new Set([size])));
  });

  it('finds an instance that was opened meanwhile, until it is closed', async () => {
    const registry = application.app.get(WxCloudStorageRegistry, { strict: false });
    const green = await startWxCloudEmulator({ env: 'green-env' });
    afterThisTest(() => green.close());
    addChoice('green', () => 'green');
    addChoice('opening', () => registry.open('green', { ...green.options }));
    const statusOf = async (tenant: string) => (await application.post('one', tenant)).status;
    expect(await statusOf('green')).toBe(404);
    expect(await statusOf('opening')).toBe(201);
    expect(await statusOf('green')).toBe(201);
    expect(green.objects).toHaveLength(2);
    await registry.close('green');
    expect(await statusOf('green')).toBe(404);
    expect(await statusOf('opening')).toBe(201);
    await registry.close('green');
  });

  it('stores nothing for a client that leaves before the choice', async () => {
    let choose: (name: string) => void = () => {};
    const chosen = new Promise<string>(resolve => (choose = resolve));
    const asked = new Promise<IncomingMessage>(resolve =>
      addChoice('waiting', request => {
        resolve(rawRequestOf(request));
        return chosen;
      }),
    );
    const before = countObjects();
    const journal = application.clouds.red.journal.length;
    const form = encodeForm([{ field: 'photo', fileName: 'a.png', content: PNG }]);
    const headers = { 'x-tenant': 'waiting' };
    const request = openRequest(application.url, { path: '/one', length: form.length, headers });
    request.send(form);
    const { socket } = await asked;
    const closed = once(socket, 'close');
    request.leave();
    await closed;
    choose('red');
    await (await application.post('one', 'blue')).text();
    expect(application.clouds.red.journal).toHaveLength(journal);
    expect(countObjects()[0]).toBe(before[0]);
  });
});

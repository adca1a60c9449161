import {
  Body,
  Controller,
  Get,
  Inject,
  Injectable,
  Logger,
  Post,
  Query,
  Scope,
  UseInterceptors,
} from '@nestjs/common';
import { HttpAdapterHost, REQUEST } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import {
  FileId,
  getWxCloudStorageToken,
  ParseFileIdPipe,
  type WxCloudFile,
  WxCloudFileInterceptor,
  WxCloudFilePipe,
  WxCloudStorageRegistry,
} from '../../../lib/index.js';
import { ADAPTERS } from '../../support/adapters.js';
import { afterThisTest } from '../../support/after-test.js';
import { PNG } from '../../support/forms.js';
import { until } from '../../support/until.js';
import { addChoice, ofTenant, startTenants, type TenantsApplication } from './support/tenants.js';

const options = { storage: ofTenant };
/** Work for which the handler of `slow` waits. */
let meanwhile = async (): Promise<void> => {};
/** The number of controllers that were created. */
const created = jest.fn();

@Controller()
class PipesController {
  constructor() {
    created();
  }

  @Get('id')
  id(@Query('fileId', ParseFileIdPipe.with(options)) fileId: string) {
    return { fileId };
  }

  @Get('content')
  async content(@Query('fileId', WxCloudFilePipe.with(options)) file: WxCloudFile) {
    return { url: await file.url(), content: (await file.buffer()).toString() };
  }

  @Get('slow')
  async slow(@Query('fileId', WxCloudFilePipe.with(options)) file: WxCloudFile) {
    await meanwhile();
    return { size: (await file.stat()).size };
  }

  @Get('two')
  two(
    @Query('fileId', WxCloudFilePipe.with({ ...options, many: true })) files: WxCloudFile[],
    @Query('fileId', ParseFileIdPipe.with(options)) fileId: string,
  ) {
    return { fileId, paths: files.map(({ cloudPath }) => cloudPath) };
  }

  @Get('optional')
  optional(@Query('fileId', ParseFileIdPipe.with({ ...options, optional: true })) fileId: unknown) {
    return { has: fileId !== undefined };
  }

  @Post('replace')
  @UseInterceptors(WxCloudFileInterceptor('photo', options))
  replace(@FileId() fileId: string, @Body('old', WxCloudFilePipe.with(options)) old: WxCloudFile) {
    return { fileId, old: old.fileId };
  }
}

@Injectable({ scope: Scope.REQUEST })
class RequestDetails {
  constructor(@Inject(REQUEST) readonly request: object) {}
}

@Controller('scoped')
class ScopedController {
  constructor(readonly details: RequestDetails) {}

  @Get('id')
  id(@Query('fileId', ParseFileIdPipe.with(options)) fileId: string) {
    return { fileId };
  }
}

describe.each(ADAPTERS)('a pipe for file IDs of the storage of a request, on $name', adapter => {
  let application: TenantsApplication;
  const fileIds = { red: '', blue: '' };
  beforeAll(async () => {
    created.mockClear();
    application = await startTenants({
      adapter,
      controllers: [PipesController, ScopedController],
      providers: [RequestDetails],
    });
    for (const tenant of ['red', 'blue'] as const) {
      const stored = await application.serviceOf(tenant).upload('same/path.txt', tenant);
      fileIds[tenant] = stored.fileId;
    }
  });
  afterAll(() => application.close());
  beforeEach(() => void ofTenant.mockClear());

  const ask = async (path: string, tenant: string, fileId: string) => {
    const query = `fileId=${encodeURIComponent(fileId)}`;
    const response = await application.get(`${path}?${query}`, tenant);
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };

  it.each(['id', 'scoped/id', 'content', 'two'])(
    'takes a file ID of the tenant alone: %s',
    async path => {
      for (const [tenant, other] of [
        ['red', 'blue'],
        ['blue', 'red'],
      ] as const) {
        expect(await ask(path, tenant, fileIds[tenant])).toMatchObject({ status: 200 });
        expect(await ask(path, other, fileIds[tenant])).toMatchObject({
          status: 400,
          body: { errorCode: 'WX_CLOUD_FILE_ID_INVALID' },
        });
      }
    },
  );

  it('reads the file of the tenant, by a link of its own, where both have the same path', async () => {
    const tenants = Array.from({ length: 10 }, () => ['red', 'blue'] as const).flat();
    const responses = await Promise.all(
      tenants.map(tenant => ask('content', tenant, fileIds[tenant])),
    );
    expect(responses.map(({ body }) => body['content'])).toEqual(tenants);
    const hosts = responses.map(({ body }) => new URL(String(body['url'])).host);
    expect(new Set(hosts).size).toBe(2);
    expect(hosts[0]).not.toBe(hosts[1]);
  });

  it('asks once for all pipes and interceptors of a request', async () => {
    expect(await ask('two', 'red', fileIds.red)).toMatchObject({
      body: { fileId: fileIds.red, paths: ['same/path.txt'] },
    });
    expect(ofTenant).toHaveBeenCalledTimes(1);
    const form = [
      { field: 'old', text: fileIds.blue },
      { field: 'photo', file: PNG },
    ];
    const response = await application.post('replace', 'blue', form);
    expect(await response.json()).toEqual({
      fileId: expect.stringMatching(/^cloud:\/\/blue-env\./),
      old: fileIds.blue,
    });
    expect(ofTenant).toHaveBeenCalledTimes(2);
  });

  it('keeps an opened instance from being closed before the request has ended', async () => {
    const log = jest.spyOn(Logger.prototype, 'debug').mockImplementation(() => {});
    afterThisTest(() => log.mockRestore());
    const whenClosed = (name: string): Promise<void> =>
      until(() => log.mock.calls.some(([line]) => line === `instance=${name}: Closed.`));
    const registry = application.app.get(WxCloudStorageRegistry, { strict: false });
    const open = (name: string) =>
      registry.open(name, application.clouds.red.options, { idleSeconds: 1 });
    await open('opened');
    addChoice('opened', () => 'opened');
    meanwhile = async () => {
      // Begins to be idle later than the instance of this request.
      await open('later');
      await whenClosed('later');
    };
    expect(await ask('slow', 'opened', fileIds.red)).toEqual({ status: 200, body: { size: 3 } });
    await whenClosed('opened');
  });

  it('stays a singleton, and so does the controller', async () => {
    await ask('id', 'red', fileIds.red);
    await ask('id', 'blue', fileIds.blue);
    expect(created).toHaveBeenCalledTimes(1);
  });

  it('does not ask for a missing value that is optional', async () => {
    const response = await application.get('optional', 'unknown');
    expect(await response.json()).toEqual({ has: false });
    expect(ofTenant).not.toHaveBeenCalled();
  });

  it.each([
    ['unknown', 404, { errorCode: 'WX_CLOUD_INSTANCE_NOT_FOUND' }],
    ['forbidden', 403, { message: 'not your tenant' }],
    ['broken', 500, { message: 'Internal server error' }],
    ['number', 500, { errorCode: 'WX_CLOUD_OPTIONS_INVALID' }],
  ])('refuses a request for %s with %d', async (choice, status, body) => {
    const log = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => {});
    afterThisTest(() => log.mockRestore());
    expect(await ask('id', choice, fileIds.red)).toMatchObject({ status, body });
  });

  it('logs a useless result with the handler and the option', async () => {
    const log = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => {});
    afterThisTest(() => log.mockRestore());
    await ask('id', 'undefined', fileIds.red);
    expect(log.mock.calls.flat()).toEqual([
      expect.stringContaining(
        'PipesController.id: option "storage" of ParseFileIdPipe.with must be a function that',
      ),
    ]);
  });
});

describe('a pipe with a function', () => {
  beforeEach(() => void ofTenant.mockClear());

  it.each([ParseFileIdPipe, WxCloudFilePipe])(
    'needs an HTTP request, unlike one with a name: %p',
    async pipe => {
      const log = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => {});
      afterThisTest(() => log.mockRestore());
      const made = new (pipe.with(options))(new HttpAdapterHost());
      await expect(made.transform('cloud://env.bucket/a')).rejects.toMatchObject({
        status: 500,
        response: { errorCode: 'WX_CLOUD_OPTIONS_INVALID' },
      });
      expect(log.mock.calls.flat()).toEqual([
        expect.stringContaining(`option "storage" of ${pipe.name}.with must be a name where`),
      ]);
      expect(ofTenant).not.toHaveBeenCalled();
    },
  );
});

@Controller()
class LinksController {
  @Get('link')
  async link(@Query('fileId', WxCloudFilePipe.with(options)) file: WxCloudFile) {
    return { url: await file.url() };
  }
}

describe.each(ADAPTERS)('services without the module on $name', adapter => {
  it('are chosen by name as well', async () => {
    const fake = { getDownloadUrl: async () => 'https://example.com/of-red', download: jest.fn() };
    const testing = await Test.createTestingModule({
      controllers: [LinksController],
      providers: [{ provide: getWxCloudStorageToken('red'), useValue: fake }],
    }).compile();
    const app = testing.createNestApplication(adapter.create(), { logger: false });
    afterThisTest(() => app.close());
    await app.listen(0, '127.0.0.1');
    const url = `${await app.getUrl()}/link?fileId=cloud://env.bucket/a`;
    const ask = (tenant: string) => fetch(url, { headers: { 'x-tenant': tenant } });
    expect(await (await ask('red')).json()).toEqual({ url: 'https://example.com/of-red' });
    expect((await ask('blue')).status).toBe(404);
  });
});

import { Controller, Get, Query, Req, Res } from '@nestjs/common';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  WxCloudExceptionFilter,
  WxCloudStorageService,
  type WxCloudServedResponse,
  type WxCloudServedRequest,
} from '../../lib/index.js';
import { ADAPTERS } from '../support/adapters.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { until } from '../support/until.js';
import { ServingController } from '../e2e/http/support/serving-controller.js';

interface HeaderSetter {
  header(name: string, value: string): unknown;
}

@Controller()
class RespondingController {
  constructor(private readonly storage: WxCloudStorageService) {}

  /** Sets an invalid header, as a careless plug-in does; Express throws at once. */
  @Get('plugged')
  async plugged(
    @Query('fileId') fileId: string,
    @Req() request: WxCloudServedRequest,
    @Res() response: WxCloudServedResponse & HeaderSetter,
  ) {
    response.header('x-name', '\u7167\u7247');
    await this.storage.serve(fileId, { request, response });
  }

  @Get('twice')
  async twice(
    @Query('fileId') fileId: string,
    @Req() request: WxCloudServedRequest,
    @Res() response: WxCloudServedResponse,
  ) {
    await this.storage.serve(fileId, { request, response });
    failures.push(await this.storage.serve(fileId, { request, response }).catch(error => error));
  }
}

const failures: unknown[] = [];

describe.each(ADAPTERS)('serve with an invalid header on $name', adapter => {
  let application: TestApplication;
  let fileId: string;
  beforeAll(async () => {
    application = await startApplication({
      adapter,
      controllers: [ServingController, RespondingController],
      configure: app =>
        app.useGlobalFilters(new WxCloudExceptionFilter(app.getHttpAdapter())) && undefined,
    });
  });
  beforeEach(async () => {
    failures.length = 0;
    await application.emulator.reset();
    ({ fileId } = await application.storage.upload('a.txt', '0123456789'));
  });
  afterAll(() => application.close());

  async function get(path: string, options: object = {}, init: RequestInit = {}) {
    const query = new URLSearchParams({ fileId, options: JSON.stringify(options) });
    const response = await fetch(`${application.url}/${path}?${query}`, init);
    return { status: response.status, headers: response.headers, body: await response.text() };
  }

  it.each([
    ['cacheControl', 'private\r\nset-cookie: a=b'],
    ['cacheControl', '\u7f13\u5b58'],
    ['cacheControl', 7],
    ['fileName', 7],
    ['fileName', { toString: 'a' }],
    ['contentType', ['image/png']],
    ['disposition', 'inline\r\nset-cookie: a=b'],
    ['disposition', 'form-data'],
  ])('responds with 500 and the reason for %s %j', async (name, value) => {
    const responses = [
      await get('serve', { [name]: value }),
      await get('serve', { [name]: value }, { method: 'HEAD' }),
      await get('serve', { [name]: value, redirect: true }),
      await get('serve', { [name]: value }, { headers: { range: 'bytes=1-2' } }),
    ];
    expect(responses.map(({ status }) => status)).toEqual([500, 500, 500, 500]);
    expect(responses[0]?.body).toContain('WX_CLOUD_ARGUMENT_INVALID');
    for (const { headers } of responses) expect(headers.get('accept-ranges')).toBeNull();
    expect(application.emulator.journal.map(({ operation }) => operation)).not.toContain(
      'get-object',
    );
  });

  it.each([
    ['fileName', 7],
    ['contentType', ['image/png']],
    ['disposition', 'inline\r\nset-cookie: a=b'],
  ])('responds with 500 when a handler returns a file with %s %j', async (name, value) => {
    expect(await get('streamable', { [name]: value })).toMatchObject({
      status: 500,
      body: expect.stringContaining('WX_CLOUD_ARGUMENT_INVALID'),
    });
  });

  it.each(['text/plain\r\nset-cookie: a=b', 'text/\u7eaf', 'text/plain\u0000'])(
    'sends the invalid type %j as a download',
    async contentType => {
      expect(await get('serve', { contentType })).toMatchObject({
        status: 200,
        body: '0123456789',
      });
      expect(await get('streamable', { contentType })).toMatchObject({ body: '0123456789' });
    },
  );

  it('responds with 500 for a header of a plug-in, and releases the file', async () => {
    const { status, body } = await get('plugged');
    expect([status, body]).toEqual([500, expect.stringContaining('Internal')]);
  });

  it('rejects when the response has been sent already', async () => {
    expect(await get('twice')).toMatchObject({ status: 200, body: '0123456789' });
    await until(() => failures.length > 0, 'the second response');
    expect(failures).toEqual([expect.objectContaining({ code: 'WX_CLOUD_ARGUMENT_INVALID' })]);
  });
});

import { Body, Controller, Get, Param, Post, Query } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  ParseFileIdPipe,
  WxCloudFile,
  WxCloudFilePipe,
  WxCloudStorageModule,
} from '../../../lib/index.js';
import { ADAPTERS } from '../../support/adapters.js';
import { startApplication, type TestApplication } from '../../support/application.js';

const ARCHIVE = {
  name: 'archive',
  env: 'archive-1a2b3c',
  bucket: '6172-archive-1a2b3c-1300000000',
  appid: 'wx0e0e0e0e0e0e0e0e',
  secret: '00000fa1e000000fa1e000000fa1e000',
};
const below = { prefixes: ['photos', 'albums/2026/'] };

@Controller()
class PipesController {
  @Post('body')
  body(@Body('fileId', ParseFileIdPipe) fileId: unknown) {
    return { fileId };
  }

  @Get('query')
  query(@Query('fileId', ParseFileIdPipe) fileId: unknown) {
    return { fileId };
  }

  @Get('param/:fileId')
  param(@Param('fileId', ParseFileIdPipe) fileId: unknown) {
    return { fileId };
  }

  @Post('handles')
  handles(@Body('fileId', WxCloudFilePipe) file: WxCloudFile | WxCloudFile[]) {
    const files = [file].flat();
    return { paths: files.map(({ cloudPath }) => cloudPath), real: files.map(isHandle) };
  }

  @Post('content')
  async content(@Body('fileId', WxCloudFilePipe) file: WxCloudFile) {
    return { content: (await file.buffer()).toString() };
  }

  @Post('prefixes')
  prefixes(@Body('fileId', ParseFileIdPipe.with(below)) fileId: unknown) {
    return { fileId };
  }

  @Post('handle-prefixes')
  handlePrefixes(@Body('fileId', WxCloudFilePipe.with(below)) fileId: unknown) {
    return { fileId };
  }

  @Post('archive')
  archive(@Body('fileId', ParseFileIdPipe.with({ storage: 'archive' })) fileId: unknown) {
    return { fileId };
  }

  @Post('typed-one')
  typedOne(@Body('fileId', ParseFileIdPipe) fileId: string) {
    return { fileId };
  }

  @Post('typed-handle')
  typedHandle(@Body('fileId', WxCloudFilePipe) file: WxCloudFile) {
    return { fileId: file };
  }

  @Get('typed-many')
  typedMany(@Query('fileId', ParseFileIdPipe) fileIds: string[]) {
    return { fileId: fileIds };
  }

  @Get('many')
  many(@Query('fileId', WxCloudFilePipe.with({ many: true })) files: unknown) {
    return { fileId: files };
  }

  @Post('one')
  one(@Body('fileId', ParseFileIdPipe.with({ many: false })) fileId: unknown) {
    return { fileId };
  }

  @Post('optional')
  optional(@Body('fileId', WxCloudFilePipe.with({ optional: true })) file: unknown) {
    return { has: file !== undefined };
  }
}

function isHandle(file: unknown): boolean {
  return file instanceof WxCloudFile;
}

describe.each(ADAPTERS)('the file ID pipes on $name', adapter => {
  let application: TestApplication;
  let prefix: string;
  beforeAll(async () => {
    application = await startApplication({
      adapter,
      controllers: [PipesController],
      imports: [WxCloudStorageModule.forRoot(ARCHIVE)],
    });
    prefix = `cloud://${application.emulator.env}.${application.emulator.bucket}/`;
    await application.storage.upload('photos/a.txt', 'content');
  });
  afterAll(() => application.close());

  async function send(path: string, fileId?: unknown) {
    const response = await fetch(`${application.url}/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ fileId }),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }
  const get = async (path: string) => {
    const response = await fetch(`${application.url}/${path}`);
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };

  it('pass on a valid ID from body, query and route', async () => {
    const fileId = `${prefix}photos/猫 %.png`;
    const encoded = encodeURIComponent(fileId);
    const responses = [
      await send('body', fileId),
      await get(`query?fileId=${encoded}`),
      await get(`param/${encoded}`),
    ];
    expect(responses.map(({ body }) => body)).toEqual([{ fileId }, { fileId }, { fileId }]);
  });

  it('accept a list of IDs', async () => {
    const list = [`${prefix}a`, `${prefix}b`];
    expect(await send('body', list)).toMatchObject({ body: { fileId: list } });
    expect(
      await get(`query?fileId=${list.map(encodeURIComponent).join('&fileId=')}`),
    ).toMatchObject({ body: { fileId: list } });
    expect(await send('handles', list)).toMatchObject({
      body: { paths: ['a', 'b'], real: [true, true] },
    });
    expect(await send('body', [])).toMatchObject({ body: { fileId: [] } });
  });

  it('convert an ID to a handle that reads the file', async () => {
    expect(await send('content', `${prefix}photos/a.txt`)).toEqual({
      status: 201,
      body: { content: 'content' },
    });
  });

  it.each([
    ['of another environment', 'cloud://other.bucket/a', 'another environment'],
    ['without a bucket', 'cloud://env/a', 'not of the form'],
    ['of another kind', 'https://example.com/a', 'not of the form'],
    [
      'with a hostile path',
      'cloud://emulator-1a2b3c.656d-emulator-1a2b3c-1300000000/../a',
      'segment',
    ],
    ['that is a number', 7, 'not of the form'],
    ['that is an object', { fileId: 'x' }, 'not of the form'],
    ['that is empty', '', 'not of the form'],
    ['that is missing', undefined, 'not of the form'],
    ['that is null', null, 'not of the form'],
  ])('reject %s with 400 and the reason, before any call', async (_, value, reason) => {
    const calls = application.emulator.journal.length;
    for (const path of ['body', 'handles']) {
      expect(await send(path, value)).toMatchObject({
        status: 400,
        body: { errorCode: 'WX_CLOUD_FILE_ID_INVALID', message: expect.stringContaining(reason) },
      });
    }
    expect(application.emulator.journal).toHaveLength(calls);
  });

  it('reject another bucket with 400 once the bucket is known', async () => {
    const foreign = `cloud://${application.emulator.env}.other-bucket/a`;
    expect(await send('body', foreign)).toMatchObject({
      status: 400,
      body: { message: expect.stringContaining('another bucket') },
    });
  });

  it('name an invalid ID of a list by its position', async () => {
    expect(await send('body', [`${prefix}a`, 'nonsense'])).toMatchObject({
      status: 400,
      body: { message: expect.stringMatching(/^Item 1: /) },
    });
  });

  it.each([
    ['photos/a', 201],
    ['photos/b/c', 201],
    ['albums/2026/d', 201],
    ['albums/2025/d', 400],
    ['photos-private/a', 400],
    ['photos', 400],
    ['Photos/a', 400],
  ])('respond to an ID below %s with %d when prefixes are given', async (path, status) => {
    expect(await send('prefixes', `${prefix}${path}`)).toMatchObject({ status });
    expect(await send('handle-prefixes', `${prefix}${path}`)).toMatchObject({ status });
  });

  it.each(['typed-one', 'typed-handle', 'one'])('reject a list for %s', async path => {
    const fileId = `${prefix}photos/a.txt`;
    expect(await send(path, fileId)).toEqual({ status: 201, body: { fileId } });
    expect(await send(path, [fileId])).toMatchObject({ status: 400 });
  });

  it.each(['typed-many', 'many'])('return a list for %s, even with one ID', async path => {
    const fileId = `${prefix}photos/a.txt`;
    const query = `fileId=${encodeURIComponent(fileId)}`;
    expect(await get(`${path}?${query}`)).toEqual({ status: 200, body: { fileId: [fileId] } });
    expect(await get(`${path}?${query}&${query}`)).toEqual({
      status: 200,
      body: { fileId: [fileId, fileId] },
    });
    expect(await get(path)).toMatchObject({ status: 400 });
  });

  it('use the instance that the pipe names', async () => {
    const archived = `cloud://${ARCHIVE.env}.${ARCHIVE.bucket}/a`;
    expect(await send('archive', archived)).toMatchObject({ status: 201 });
    expect(await send('archive', `${prefix}a`)).toMatchObject({ status: 400 });
  });

  it('accept a missing ID if it is optional, but not an invalid one', async () => {
    expect(await send('optional')).toEqual({ status: 201, body: { has: false } });
    expect(await send('optional', `${prefix}a`)).toEqual({ status: 201, body: { has: true } });
    expect(await send('optional', 'nonsense')).toMatchObject({ status: 400 });
  });
});

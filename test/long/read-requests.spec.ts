import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  Controller,
  Logger,
  Module,
  Post,
  UploadedFiles,
  UseInterceptors,
  type MiddlewareConsumer,
  type NestModule,
} from '@nestjs/common';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  WxCloudAnyFilesInterceptor,
  WxCloudFileInterceptor,
  wxCloudUpload,
  type WxCloudUploadedFile,
} from '../../lib/index.js';
import { ADAPTERS, type Adapter } from '../support/adapters.js';
import { PNG, pngOfSize } from '../support/forms.js';
import {
  expectNothingLeft,
  startEdgeApplication,
  type EdgeApplication,
} from '../e2e/http/support/edge-application.js';

type NodeRequest = NodeJS.ReadableStream & NodeJS.EventEmitter;

/** Ways in which a middleware uses a request before our interceptor. */
let touch: (request: NodeRequest) => unknown;

@Module({})
class TouchingModule implements NestModule {
  configure(consumer: MiddlewareConsumer): void {
    const middleware = async (
      request: { readonly raw?: NodeRequest } & NodeRequest,
      _: unknown,
      next: () => void,
    ): Promise<void> => {
      const touched = touch(request.raw ?? request);
      if (touched instanceof Promise) await touched;
      next();
    };
    consumer.apply(middleware).forRoutes('any', 'engine');
  }
}

function uploadsController({ FileInterceptor }: Adapter) {
  @Controller()
  class UploadsController {
    @Post('any')
    @UseInterceptors(WxCloudAnyFilesInterceptor({ required: false }))
    any(@UploadedFiles() files: WxCloudUploadedFile[]) {
      return { sizes: files.map(({ size }) => size) };
    }

    @Post('engine')
    @UseInterceptors(FileInterceptor('photo', { storage: wxCloudUpload() }))
    engine() {
      return { stored: true };
    }

    @Post('twice')
    @UseInterceptors(WxCloudFileInterceptor('photo'), WxCloudFileInterceptor('photo'))
    twice() {
      return 'unreachable';
    }
  }
  return UploadsController;
}

/** Larger than one read of a connection, so that the end of a form does not come with its start. */
const PHOTOS = [
  { field: 'photo', file: PNG },
  { field: 'photo', file: pngOfSize(3_000_000) },
];

const firstChunk = (request: NodeRequest): Promise<unknown> => once(request, 'data');

const READING: readonly [string, (request: NodeRequest) => unknown][] = [
  ['listens to its first chunk', firstChunk],
  [
    'listens to its first chunk and pauses it',
    async request => {
      await firstChunk(request);
      request.pause();
    },
  ],
  [
    'takes some bytes of it',
    async request => {
      await once(request, 'readable');
      request.read(10);
      request.removeAllListeners('readable');
    },
  ],
  ['waits for it with a readable listener', request => void request.on('readable', () => {})],
  [
    'passes over its beginning',
    async request => {
      request.resume();
      while (!(request as NodeRequest & { readableDidRead: boolean }).readableDidRead) {
        await nextTurn();
      }
    },
  ],
  [
    'reads all of it',
    async request => {
      request.resume();
      await once(request, 'end');
    },
  ],
  ['makes text of it', request => void request.setEncoding('utf8')],
];

const NOT_READING: readonly [string, (request: NodeRequest) => unknown][] = [
  ['pauses it', request => void request.pause()],
  [
    'pauses it and waits',
    async request => {
      request.pause();
      for (let turn = 0; turn < 20; turn += 1) await nextTurn();
    },
  ],
  ['listens to its end', request => void request.on('end', () => {})],
];

describe.each(ADAPTERS)('a middleware on $name that', adapter => {
  const lines: string[] = [];
  let application: EdgeApplication;
  beforeAll(async () => {
    application = await startEdgeApplication({
      adapter,
      controllers: [uploadsController(adapter)],
      imports: [TouchingModule],
    });
  });
  beforeEach(() => {
    touch = () => {};
    lines.length = 0;
    const error = (line: unknown): void => void lines.push(String(line));
    Logger.overrideLogger({ log() {}, warn() {}, debug() {}, error });
  });
  afterEach(async () => {
    Logger.overrideLogger(false);
    await application.emulator.reset();
  });
  afterAll(() => application.close());

  it.each(READING)('%s fails the request', async (_, read) => {
    touch = read;
    const response = await application.post('any?secret=1', PHOTOS);

    expect(response).toMatchObject({
      status: 500,
      body: { errorCode: 'WX_CLOUD_OPTIONS_INVALID' },
    });
    await expectNothingLeft(application);
  });

  it.each(NOT_READING)('%s does no harm', async (_, look) => {
    touch = look;
    const response = await application.post('any', PHOTOS);

    expect(response).toEqual({ status: 201, body: { sizes: [PNG.byteLength, 3_000_000] } });
    expect(lines).toEqual([]);
  });

  it("decodes the request to text fails it behind Nest's own interceptor as well, with a log line", async () => {
    touch = request => void request.setEncoding('utf8');
    const response = await application.post('engine');

    expect(response).toMatchObject({
      status: 500,
      body: { errorCode: 'WX_CLOUD_OPTIONS_INVALID' },
    });
    expect(lines).toEqual([
      expect.stringMatching(/^POST \/engine: 500 WX_CLOUD_OPTIONS_INVALID: .*setEncoding/),
    ]);
    await expectNothingLeft(application);
  });

  it('is in fact a second interceptor is reported in the same way', async () => {
    expect(await application.post('twice')).toMatchObject({ status: 500 });
    expect(lines).toEqual([expect.stringMatching(/^POST \/twice: 500 .*one upload interceptor/)]);
  });
});

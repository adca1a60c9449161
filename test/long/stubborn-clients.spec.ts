import { Body, Controller, Get, Post, Req, Res, UseInterceptors } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  WxCloudAnyFilesInterceptor,
  WxCloudStorageService,
  wxCloudUpload,
  type WxCloudServedResponse,
  type WxCloudServedRequest,
} from '../../lib/index.js';
import { ADAPTERS, type Adapter } from '../support/adapters.js';
import { PNG, pngOfSize } from '../support/forms.js';
import { until } from '../support/until.js';
import {
  startEdgeApplication,
  type EdgeApplication,
} from '../e2e/http/support/edge-application.js';
import {
  encodeForm,
  headOf,
  openConnection,
  type RawRequest,
} from '../e2e/http/support/raw-request.js';

/** More than what the connection to a client that does not read can hold. */
const LARGE_BYTES = 30_000_000;
/** An application that closes waits for clients at most so long; the rest is for a busy machine. */
const LONGEST_MS = 25_000;

let workStarted: () => void;
let work: Promise<void>;

function uploadsController({ FileInterceptor }: Adapter) {
  @Controller()
  class UploadsController {
    constructor(private readonly storage: WxCloudStorageService) {}

    @Post('any')
    @UseInterceptors(WxCloudAnyFilesInterceptor({ required: false, limits: { fileSize: 200_000 } }))
    any() {
      return { stored: true };
    }

    @Post('engine')
    @UseInterceptors(FileInterceptor('photo', { storage: wxCloudUpload() }))
    engine() {
      return { stored: true };
    }

    @Post('json')
    json(@Body() body: object) {
      return body;
    }

    @Get('large')
    async large(@Req() request: WxCloudServedRequest, @Res() response: WxCloudServedResponse) {
      const { fileId } = await this.storage.upload('large', Buffer.alloc(LARGE_BYTES));
      await this.storage.serve(fileId, { request, response });
    }

    @Get('work')
    async work() {
      workStarted();
      await work;
      return { worked: true };
    }
  }
  return UploadsController;
}

const FORM = encodeForm([
  { field: 'title', content: 'a text' },
  { field: 'photo', content: pngOfSize(100_000), fileName: 'a.png' },
]);
const IN_TEXT = FORM.indexOf('text');
const IN_FILE = FORM.indexOf(PNG) + 50_000;
const LARGE_FORM = encodeForm([{ field: 'photo', content: pngOfSize(900_000), fileName: 'a.png' }]);

/** The bytes of a client that then stops, with the connection open. */
const SILENT: readonly (readonly [string, readonly (string | Buffer)[]])[] = [
  ['sends nothing', []],
  ['stops in a head', ['POST /any HTTP/1.1\r\nhost: localhost\r\nx-he']],
  ['stops in the head of a second request', [...whole('/any'), 'POST /any HT']],
  ['stops behind a head', [head('/any')]],
  ['stops in a text', [head('/any'), FORM.subarray(0, IN_TEXT)]],
  ['stops in a file', [head('/any'), FORM.subarray(0, IN_FILE)]],
  ['stops in a form that is refused', [head('/any', LARGE_FORM), LARGE_FORM.subarray(0, 500_000)]],
  ["stops in a text of Nest's own parser", [head('/engine'), FORM.subarray(0, IN_TEXT)]],
  ["stops in a file of Nest's own parser", [head('/engine'), FORM.subarray(0, IN_FILE)]],
  ['stops in a body that is not ours', [jsonHead(), '{"a":']],
  ['reads no response', ['GET /large HTTP/1.1\r\nhost: localhost\r\n\r\n']],
];

function head(path: string, form = FORM): string {
  return headOf({ path, length: form.byteLength, connection: 'keep-alive' });
}

function whole(path: string): readonly (string | Buffer)[] {
  return [head(path), FORM];
}

function jsonHead(): string {
  return 'POST /json HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n';
}

describe.each(ADAPTERS)('app.close() with stubborn clients on $name', adapter => {
  let application: EdgeApplication;
  let clients: RawRequest[];
  let finishWork: () => void;
  beforeEach(async () => {
    clients = [];
    work = new Promise(resolve => (finishWork = resolve));
    application = await startEdgeApplication({
      adapter,
      controllers: [uploadsController(adapter)],
      // Only the application ends the clients here.
      options: { timeouts: { idleMs: 600_000, totalMs: 600_000 } },
    });
  });
  afterEach(async () => {
    finishWork();
    for (const client of clients) client.leave();
    await application.close();
  });

  const open = (chunks: readonly (string | Buffer)[]): RawRequest => {
    const client = openConnection(application.url);
    clients.push(client);
    client.send(...chunks);
    return client;
  };

  it(
    'completes whatever its clients do, and leaves nothing of them',
    async () => {
      for (const [, chunks] of SILENT) open(chunks);
      clients.at(-1)?.socket.pause();
      const dripping = [head('/any'), head('/engine')].map(start => {
        const client = open([start, FORM.subarray(0, IN_TEXT)]);
        return setInterval(() => client.send('x'), 50);
      });
      await until(() => application.count('upload-link') > 1, 'the first uploads');
      await until(async () => (await connectionsOf(application)) === clients.length, 'all clients');

      await application.app.close();

      for (const each of dripping) clearInterval(each);
      for (const client of clients) client.socket.resume();
      await Promise.all(clients.map(({ response }) => response));
      expect(await application.countSpoolHandles()).toBe(0);
      expect(application.emulator.objects.map(({ cloudPath }) => cloudPath)).toContain('large');
      expect(application.emulator.objects).toHaveLength(2);
    },
    LONGEST_MS,
  );

  it(
    'waits for a running handler, not for other clients',
    async () => {
      const started = new Promise<void>(resolve => (workStarted = resolve));
      const working = open(['GET /work HTTP/1.1\r\nhost: localhost\r\n\r\n']);
      const stalled = open([head('/any')]);
      await started;
      await until(async () => (await connectionsOf(application)) === 2, 'both clients');
      const closing = application.app.close();
      await stalled.response;
      expect(working.socket.destroyed).toBe(false);
      finishWork();
      await closing;

      expect(await working.response).toContain('{"worked":true}');
    },
    LONGEST_MS,
  );
});

function connectionsOf({ app }: EdgeApplication): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = app.getHttpServer() as import('node:net').Server;
    server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)));
  });
}

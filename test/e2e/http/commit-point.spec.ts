import { connect } from 'node:http2';
import { Readable } from 'node:stream';
import {
  Controller,
  Injectable,
  Post,
  Res,
  StreamableFile,
  UploadedFile,
  UseGuards,
  UseInterceptors,
  type CanActivate,
} from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  WxCloudFileInterceptor,
  wxCloudUpload,
  type WxCloudUploadedFile,
} from '../../../lib/index.js';
import { ADAPTERS, FASTIFY_HTTP2, type Adapter } from '../../support/adapters.js';
import { PNG } from '../../support/forms.js';
import { until } from '../../support/until.js';
import { startEdgeApplication, type EdgeApplication } from './support/edge-application.js';
import { encodeForm, openRequest, type RawRequest } from './support/raw-request.js';

/** Far more than the buffers between two sockets hold. */
const LARGE = 'x'.repeat(32_000_000);
const FORM = encodeForm([{ field: 'photo', content: PNG, fileName: 'a.png' }]);

let work: () => Promise<void>;
/** Called when the guard, or the handler, has begun. */
let begin: () => void;

@Injectable()
class SlowGuard implements CanActivate {
  async canActivate() {
    begin();
    await work();
    return true;
  }
}

/** A response that has begun and never ends. */
function endless(): StreamableFile {
  const stream = new Readable({ read: () => {} });
  stream.push('the beginning');
  return new StreamableFile(stream);
}

interface AnyResponse {
  status(code: number): { send(body: object): void };
}

function photosController({ FileInterceptor }: Adapter) {
  const ours = WxCloudFileInterceptor('photo');
  const engine = FileInterceptor('photo', { storage: wxCloudUpload() });

  function routesOf(prefix: string, interceptor: typeof ours) {
    @Controller(prefix)
    class RoutesController {
      @Post('guarded')
      @UseGuards(SlowGuard)
      @UseInterceptors(interceptor)
      guarded() {
        return { stored: true };
      }

      @Post('slow')
      @UseInterceptors(interceptor)
      async slow() {
        begin();
        await work();
        return { stored: true };
      }

      @Post('streamed')
      @UseInterceptors(interceptor)
      streamed() {
        return endless();
      }

      @Post('large')
      @UseInterceptors(interceptor)
      large() {
        return LARGE;
      }

      @Post('responds-and-throws')
      @UseInterceptors(interceptor)
      respondsAndThrows(@UploadedFile() photo: WxCloudUploadedFile, @Res() response: AnyResponse) {
        response.status(201).send({ fileId: photo.fileId });
        throw new Error('the log could not be written');
      }
    }
    return RoutesController;
  }
  return [routesOf('ours', ours), routesOf('engine', engine)];
}

let finish: () => void;
let begun: Promise<void>;
let application: EdgeApplication;
const start = async (adapter: Adapter): Promise<void> => {
  begun = new Promise(resolve => (begin = resolve));
  const working = new Promise<void>(resolve => (finish = resolve));
  work = () => working;
  application = await startEdgeApplication({ adapter, controllers: photosController(adapter) });
};
afterEach(async () => {
  finish();
  await application.close();
});

/** Waits, by closing, for pending deletions of a request. */
const remaining = async (): Promise<number> => {
  finish();
  await application.app.close();
  return application.emulator.objects.length;
};

/** A request that shows when its response has begun, and that can be aborted. */
interface Client {
  readonly responseBegun: Promise<unknown>;
  leave(): void;
}

function overHttp1(path: string): Client {
  const request: RawRequest = openRequest(application.url, { path, length: FORM.byteLength });
  request.send(FORM);
  // The rest waits in the buffers until these are full.
  const responseBegun = new Promise<void>(resolve => {
    request.socket.once('data', () => {
      request.socket.pause();
      resolve();
    });
  });
  return { responseBegun, leave: () => request.leave() };
}

function overHttp2(path: string): Client {
  const session = connect(application.url);
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'multipart/form-data; boundary=boundary',
  });
  stream.end(FORM);
  stream.on('error', () => {}).once('close', () => session.destroy());
  const responseBegun = new Promise(resolve => stream.once('response', resolve));
  return { responseBegun, leave: () => stream.close(8) };
}

const SETUPS = [
  ...ADAPTERS.map(adapter => ({ name: adapter.name, adapter, open: overHttp1 })),
  { name: 'fastify over HTTP/2', adapter: FASTIFY_HTTP2, open: overHttp2 },
];

describe.each(SETUPS)('on $name', ({ adapter, open }) => {
  beforeEach(() => start(adapter));

  describe.each(['ours', 'engine'])('a client that leaves, behind %s', prefix => {
    it('leaves nothing while a guard runs', async () => {
      const client = open(`/${prefix}/guarded`);
      await begun;
      client.leave();
      finish();
      expect(await remaining()).toBe(0);
    });

    it('leaves nothing while the handler runs', async () => {
      const client = open(`/${prefix}/slow`);
      await begun;
      client.leave();
      await until(() => application.count('delete-files') > 0, 'the removal');
      expect(await remaining()).toBe(0);
    });

    it('leaves nothing in the middle of a streamed response', async () => {
      const client = open(`/${prefix}/streamed`);
      await client.responseBegun;
      client.leave();
      await until(() => application.count('delete-files') > 0, 'the removal');
      expect(await remaining()).toBe(0);
    });
  });

  it.each(['ours', 'engine'])(
    'keeps the file, behind %s, when a handler responds with success and throws afterwards',
    async prefix => {
      const client = open(`/${prefix}/responds-and-throws`);
      await client.responseBegun;
      client.leave();
      expect(await remaining()).toBe(1);
    },
  );
});

// Over HTTP/2, Fastify itself makes a stream of such a response.
describe.each(ADAPTERS)('on $name', adapter => {
  it.each(['ours', 'engine'])(
    'keeps the file, behind %s, when a client leaves in the middle of a buffered response',
    async prefix => {
      await start(adapter);
      const client = overHttp1(`/${prefix}/large`);
      await client.responseBegun;
      client.leave();
      expect(await remaining()).toBe(1);
    },
  );
});

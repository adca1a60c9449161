import { once } from 'node:events';
import { connect, constants, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { connect as openSocket, type Socket } from 'node:net';
import {
  Controller,
  Post,
  RequestTimeoutException,
  UploadedFiles,
  UseInterceptors,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import { map, merge, Subject } from 'rxjs';
import {
  WxCloudAnyFilesInterceptor,
  wxCloudUpload,
  type WxCloudUploadedFile,
} from '../../lib/index.js';
import { FASTIFY, FASTIFY_HTTP2 } from '../support/adapters.js';
import { pngOfSize } from '../support/forms.js';
import { until } from '../support/until.js';
import {
  startEdgeApplication,
  type EdgeApplication,
  type EdgeApplicationParts,
} from '../e2e/http/support/edge-application.js';
import { encodeForm } from '../e2e/http/support/raw-request.js';
import { watchForms } from '../e2e/http/support/watched-forms.js';

/** HTTP/2 is missing in the types of Nest's adapter, but its options are Fastify's. */
const givingUp = new Subject<void>();

/** An outer interceptor that responds when the test says so. */
class Impatient implements NestInterceptor {
  intercept(_: unknown, next: CallHandler) {
    const response = map(() => {
      throw new RequestTimeoutException();
    });
    return merge(next.handle(), givingUp.pipe(response));
  }
}

/** Something in front that lets a request flow before anyone reads it. */
class Resuming implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler) {
    context.switchToHttp().getRequest<{ raw: NodeJS.ReadableStream }>().raw.resume();
    return next.handle();
  }
}

@Controller()
class UploadsController {
  @Post('resumed')
  @UseInterceptors(Resuming, WxCloudAnyFilesInterceptor({ limits: { files: 1, fileSize: 1_000 } }))
  resumed() {
    return 'unreachable';
  }

  @Post('impatient')
  @UseInterceptors(Impatient, WxCloudAnyFilesInterceptor())
  impatient() {
    return 'unreachable';
  }

  @Post('any')
  @UseInterceptors(WxCloudAnyFilesInterceptor({ limits: { fileSize: 200_000 } }))
  any(@UploadedFiles() files: WxCloudUploadedFile[]) {
    return { sizes: files.map(({ size }) => size) };
  }

  @Post('engine')
  @UseInterceptors(FASTIFY.FileInterceptor('photo', { storage: wxCloudUpload() }))
  engine() {
    return { stored: true };
  }
}

const GOOD = encodeForm([{ field: 'photo', content: pngOfSize(150_000), fileName: 'a.png' }]);
const TOO_LARGE = encodeForm([{ field: 'photo', content: pngOfSize(900_000), fileName: 'a.png' }]);

/** The preface and first frame of an HTTP/2 connection. */
const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const EMPTY_SETTINGS = '\0\0\0\x04\0\0\0\0\0';

/** From clients that send nothing, stop in the preface, or leave a closed connection open. */
const BEGINNINGS = ['', PREFACE.slice(0, 10), `${PREFACE}${EMPTY_SETTINGS}`];

let application: EdgeApplication;
let session: ClientHttp2Session;
const silent: Socket[] = [];
/** Counts the open streams of the server. */
let openStreams: number;

async function start(options: EdgeApplicationParts['options']): Promise<void> {
  application = await startEdgeApplication({
    adapter: FASTIFY_HTTP2,
    controllers: [UploadsController],
    options: { ...options },
  });
  openStreams = 0;
  const server = application.app.getHttpServer() as NodeJS.EventEmitter;
  server.on('stream', (stream: NodeJS.EventEmitter) => {
    openStreams += 1;
    stream.once('close', () => (openStreams -= 1));
  });
  session = connect(application.url);
}

afterEach(async () => {
  for (const socket of silent.splice(0)) socket.destroy();
  session.destroy();
  await application.close();
});

interface Http2Response {
  readonly status: number;
  readonly text: string;
  readonly rstCode: number;
}

function open(path: string, type = 'multipart/form-data; boundary=boundary'): ClientHttp2Stream {
  const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': type });
  stream.on('error', () => {});
  return stream;
}

/** Resolves at the end of the response. */
async function responseOf(stream: ClientHttp2Stream): Promise<Http2Response> {
  let status = 0;
  let text = '';
  stream.on('response', headers => (status = headers[':status'] ?? 0));
  stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  await new Promise(resolve => stream.once('end', resolve).once('close', resolve));
  return { status, text, rstCode: stream.rstCode ?? 0 };
}

describe('the interceptors over HTTP/2', () => {
  it('accept a form', async () => {
    await start({});
    const stream = open('/any');
    stream.end(GOOD);

    expect(await responseOf(stream)).toMatchObject({ status: 201, text: '{"sizes":[150000]}' });
  });

  it('refuse a form that flows already, and leave its connection alone', async () => {
    await start({});
    const refused = session.request({
      ':method': 'POST',
      ':path': '/resumed',
      'content-type': 'multipart/form-data; boundary=boundary',
      'content-length': 12_000_000,
    });
    refused.on('error', () => {});
    expect(await responseOf(refused)).toMatchObject({ status: 413, rstCode: 0 });
    await until(() => openStreams === 0, 'the end of the stream');

    const stream = open('/any');
    stream.end(GOOD);
    expect(await responseOf(stream)).toMatchObject({ status: 201 });
  });

  it('respond to stalled forms with 408 and leave no stream open', async () => {
    await start({ timeouts: { idleMs: 500 } });
    const streams = Array.from({ length: 90 }, (_, index) => {
      const stream = open('/any');
      stream.write(GOOD.subarray(0, 20 + index));
      return responseOf(stream);
    });

    for (const response of await Promise.all(streams)) {
      expect(response).toMatchObject({ status: 408, rstCode: 0 });
      expect(response.text).toContain('WX_CLOUD_BODY_STALLED');
    }
    await until(() => openStreams === 0, 'no open stream');
  });

  it.each([
    ['for a file that is too large', undefined, 413, 'WX_CLOUD_FILE_TOO_LARGE'],
    ['for its boundary', 'multipart/form-data', 400, 'WX_CLOUD_FORM_INVALID'],
  ])('respond at once to a form that is rejected %s and goes on', async (_, type, status, code) => {
    await start({ timeouts: { idleMs: 60_000 } });
    const stream = open('/any', type);
    stream.write(TOO_LARGE.subarray(0, 600_000));

    const response = await responseOf(stream);
    expect(response).toMatchObject({ status, rstCode: 0 });
    expect(response.text).toContain(code);
    await until(() => openStreams === 0, 'no open stream');
  });

  it('leave no stream open when an outer interceptor responds before the form has arrived', async () => {
    await start({ timeouts: { idleMs: 600_000 } });
    const stream = open('/impatient');
    stream.write(GOOD.subarray(0, 100_000));
    await until(async () => (await application.countSpoolHandles()) === 1, 'a temporary file');
    givingUp.next();

    expect(await responseOf(stream)).toMatchObject({ status: 408 });
    await until(() => openStreams === 0, 'no open stream');
    await until(async () => (await application.countSpoolHandles()) === 0, 'no temporary file');
  });

  it('end stalled forms and idle sessions when the application closes', async () => {
    await start({ timeouts: { idleMs: 60_000 } });
    const idle = connect(application.url);
    await once(idle, 'connect');
    const stalled = ['/any', '/engine'].map(path => {
      const stream = open(path);
      stream.write(GOOD.subarray(0, 100_000));
      return responseOf(stream);
    });
    await until(() => openStreams === 2, 'both streams');

    await Promise.all([application.app.close(), once(idle, 'close'), ...stalled]);

    expect(openStreams).toBe(0);
    expect(application.emulator.objects).toEqual([]);
  });

  it('end connections without a form when the application closes', async () => {
    await start({});
    const { hostname, port } = new URL(application.url);
    const server = application.app.getHttpServer() as NodeJS.EventEmitter;
    await once(session, 'remoteSettings');
    for (const sent of BEGINNINGS) {
      const begun = once(server, 'session');
      const socket = openSocket({ host: hostname, port: Number(port), allowHalfOpen: true });
      silent.push(socket);
      socket.on('error', () => {});
      socket.write(sent);
      await begun;
    }

    await expect(application.app.close()).resolves.toBeUndefined();
  });
});

describe('upload.sendAhead over HTTP/2', () => {
  /** Sends the first two thirds of a form whose length is known, and waits until they pass. */
  const beginAhead = async () => {
    const forms = watchForms(application.emulator.url);
    const stream = session.request({
      ':method': 'POST',
      ':path': '/any',
      'content-type': 'multipart/form-data; boundary=boundary',
      'content-length': GOOD.byteLength,
    });
    stream.on('error', () => {});
    const response = responseOf(stream);
    stream.write(GOOD.subarray(0, 100_000));
    await until(() => Number(forms[0]?.arrivedBytes()) > 80_000, 'the first bytes');
    return { forms, stream, response };
  };

  it('sends a file while its client is held, and stores it when the client goes on', async () => {
    await start({});
    const { forms, stream, response } = await beginAhead();
    expect(application.emulator.objects).toEqual([]);
    stream.end(GOOD.subarray(100_000));

    expect(await response).toMatchObject({ status: 201, text: '{"sizes":[150000]}' });
    expect(forms).toHaveLength(1);
    expect(application.emulator.objects).toMatchObject([{ size: 150_000 }]);
  });

  it('gives way to other streams of the session while a client is held', async () => {
    await start({ maxConnections: 3 });
    const { forms, stream, response } = await beginAhead();
    const other = open('/any');
    other.end(GOOD);

    expect(await responseOf(other)).toMatchObject({ status: 201 });
    await until(() => forms[0]?.isCut() === true, 'the end of the first form');
    stream.end(GOOD.subarray(100_000));
    expect(await response).toMatchObject({ status: 201, text: '{"sizes":[150000]}' });
    expect(application.emulator.objects).toHaveLength(2);
  });

  it('ends a held client after timeouts.idleMs, and leaves nothing', async () => {
    await start({ timeouts: { idleMs: 500 } });
    const { forms, response } = await beginAhead();

    expect(await response).toMatchObject({ status: 408, rstCode: 0 });
    await until(() => forms[0]?.isCut() === true, 'the end of the form');
    await until(() => openStreams === 0, 'no open stream');
    await until(() => application.emulator.objects.length === 0, 'an empty storage');
    await until(async () => (await application.countHeld()) === 0, 'no temporary file');
  });

  it('leaves nothing of a held client that resets its stream', async () => {
    await start({});
    const { forms, stream, response } = await beginAhead();
    stream.close(constants.NGHTTP2_CANCEL);
    await response;

    await until(() => forms[0]?.isCut() === true, 'the end of the form');
    await until(() => openStreams === 0, 'no open stream');
    await until(async () => (await application.countHeld()) === 0, 'no temporary file');
    expect(application.emulator.objects).toEqual([]);
  });
});

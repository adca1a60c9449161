import { once } from 'node:events';
import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import {
  Body,
  Controller,
  Get,
  HttpException,
  Injectable,
  MaxFileSizeValidator,
  NestInterceptor,
  ParseFilePipe,
  Post,
  Res,
  UploadedFile,
  UploadedFiles,
  UseInterceptors,
} from '@nestjs/common';
import { FileInterceptor } from '@nestjs/platform-express';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { map, NEVER, of, throwError, timeout, type Observable } from 'rxjs';
import {
  WxCloudFileInterceptor,
  WxCloudFilesInterceptor,
  WxCloudStorageService,
  wxCloudUpload,
  type WxCloudUploadedFile,
} from '../../../lib/index.js';
import { startApplication, type TestApplication } from '../../support/application.js';
import { PNG, pngOfSize, postForm } from '../../support/forms.js';
import { until } from '../../support/until.js';

@Injectable()
class TimeoutInterceptor implements NestInterceptor {
  intercept(_: unknown, next: { handle(): Observable<unknown> }) {
    return next.handle().pipe(timeout(50));
  }
}

@Injectable()
class FailingAfterwards implements NestInterceptor {
  intercept(_: unknown, next: { handle(): Observable<unknown> }) {
    return next.handle().pipe(
      map(() => {
        throw new Error('failed after the handler');
      }),
    );
  }
}

const options = { path: 'photos/' };

@Controller('failing')
class FailingController {
  constructor(private readonly storage: WxCloudStorageService) {}

  @Post('throws')
  @UseInterceptors(WxCloudFileInterceptor('photo', options))
  throws(): never {
    throw new Error('the handler failed');
  }

  @Post('rejects')
  @UseInterceptors(WxCloudFileInterceptor('photo', options))
  async rejects(): Promise<never> {
    throw new HttpException('no room in the album', 409);
  }

  @Post('errors')
  @UseInterceptors(WxCloudFileInterceptor('photo', options))
  errors(): Observable<never> {
    return throwError(() => new Error('the observable failed'));
  }

  @Post('storage-error')
  @UseInterceptors(WxCloudFileInterceptor('photo', options))
  async storageError() {
    await this.storage.stat('cloud://foreign.bucket/a.png');
  }

  @Post('pipe')
  @UseInterceptors(WxCloudFileInterceptor('photo', options))
  pipe(
    @UploadedFile(new ParseFilePipe({ validators: [new MaxFileSizeValidator({ maxSize: 10 })] }))
    photo: object,
  ) {
    return photo;
  }

  @Post('outer-timeout')
  @UseInterceptors(TimeoutInterceptor, WxCloudFileInterceptor('photo', options))
  outerTimeout() {
    return NEVER;
  }

  @Post('outer-failure')
  @UseInterceptors(FailingAfterwards, WxCloudFileInterceptor('photo', options))
  outerFailure() {
    return of({ ok: true });
  }

  @Post('error-answer')
  @UseInterceptors(WxCloudFileInterceptor('photo', options))
  errorAnswer(@Res() response: { status(code: number): { json(body: object): void } }) {
    response.status(422).json({ refused: true });
  }

  @Post('engine-throws')
  @UseInterceptors(FileInterceptor('photo', { storage: wxCloudUpload(options) }))
  engineThrows(): never {
    throw new Error('the handler failed');
  }

  @Post('mixed')
  @UseInterceptors(
    WxCloudFilesInterceptor('photos', 5, {
      ...options,
      contentTypes: ['image/*'],
      limits: { fileSize: 300_000 },
    }),
  )
  mixed(@UploadedFiles() photos: WxCloudUploadedFile[]) {
    return photos.length;
  }

  @Post('path-throws')
  @UseInterceptors(
    WxCloudFileInterceptor('photo', {
      path: () => {
        throw new HttpException('choose an album first', 428);
      },
    }),
  )
  pathThrows() {
    return 'unreachable';
  }

  @Post('slow')
  @UseInterceptors(WxCloudFileInterceptor('photo', options))
  async slow(@Body() body: object) {
    await slowHandler();
    return body;
  }

  @Post('shared-path')
  @UseInterceptors(WxCloudFileInterceptor('photo', { path: () => 'avatars/me.png' }))
  async sharedPath(@Body('fails') fails?: string) {
    if (fails === undefined) return { stored: true };
    await slowHandler();
    throw new Error('the handler failed');
  }

  @Get('alive')
  alive() {
    return { alive: true };
  }
}

let slowHandler: () => Promise<void> = async () => {};
let application: TestApplication;
let spoolDirectory: string;
const onOrphan = jest.fn<(fileIds: readonly string[]) => void>();

beforeEach(async () => {
  onOrphan.mockClear();
  spoolDirectory = await mkdtemp(join(tmpdir(), 'wx-cloud-spool-'));
  application = await startApplication({
    controllers: [FailingController],
    options: {
      upload: { spoolDirectory, memoryLimitBytes: 65_536 },
      timeouts: { idleMs: 1_000 },
      onOrphan,
    },
  });
});

afterEach(async () => {
  await application.close();
  await rm(spoolDirectory, { recursive: true });
});

const urlOf = (route: string) => `${application.url}/failing/${route}`;
const post = (
  route: string,
  parts: Parameters<typeof postForm>[1] = [{ field: 'photo', file: PNG }],
) => postForm(urlOf(route), parts);

/** No object, no temporary file, and the application goes on. */
async function expectNothingLeft(): Promise<void> {
  await until(() => application.emulator.objects.length === 0, 'an empty storage');
  expect(await readdir(spoolDirectory)).toEqual([]);
  expect(await (await fetch(urlOf('alive'))).json()).toEqual({ alive: true });
}

describe('a request that fails after its file was stored', () => {
  it.each([
    ['the handler throws', 'throws', 500],
    ['the handler rejects', 'rejects', 409],
    ["the handler's observable fails", 'errors', 500],
    ['a pipe rejects the file', 'pipe', 400],
  ])('leaves no object at the time of its answer when %s', async (_, route, expectedStatus) => {
    const { status } = await post(route);

    expect(status).toBe(expectedStatus);
    expect(application.emulator.objects).toEqual([]);
    expect(
      application.emulator.journal.filter(({ operation }) => operation === 'post-object'),
    ).toHaveLength(1);
    await expectNothingLeft();
  });

  it.each([
    ['an outer interceptor times out', 'outer-timeout', 500],
    ['an outer interceptor fails afterwards', 'outer-failure', 500],
    ['the handler answers with an error by itself', 'error-answer', 422],
    ["the handler behind Nest's own interceptor throws", 'engine-throws', 500],
  ])('leaves no object behind when %s', async (_, route, expectedStatus) => {
    const { status } = await post(route);

    expect(status).toBe(expectedStatus);
    await until(() =>
      application.emulator.journal.some(({ operation }) => operation === 'delete-files'),
    );
    await expectNothingLeft();
  });

  it('answers an error of the storage with the status of its code', async () => {
    expect(await post('storage-error')).toMatchObject({
      status: 400,
      body: { errorCode: 'WX_CLOUD_FILE_ID_INVALID' },
    });
    await expectNothingLeft();
  });

  it('passes on what a path function throws', async () => {
    expect(await post('path-throws')).toMatchObject({
      status: 428,
      body: { message: 'choose an album first' },
    });
    expect(application.emulator.journal).toEqual([]);
  });
});

/** A form whose files are sent when the test wants; a file has ended only once the next one begins. */
function openForm(route: string): {
  outgoing: ClientRequest;
  write: (...pieces: (Buffer | string)[]) => void;
} {
  const headers = { 'content-type': 'multipart/form-data; boundary=boundary' };
  const outgoing = request(urlOf(route), { method: 'POST', headers });
  return { outgoing, write: (...pieces) => pieces.forEach(piece => outgoing.write(piece)) };
}
const PART_HEAD =
  '\r\n--boundary\r\ncontent-disposition: form-data; name="photos"; filename="a.png"\r\n\r\n';

describe('a form of which a later file is refused', () => {
  it.each([
    ['of the wrong type', 415, Buffer.from('<html>')],
    ['too large', 413, pngOfSize(300_001)],
  ])('leaves none of its files when one is %s', async (_, expectedStatus, bad) => {
    const { status } = await post('mixed', [
      { field: 'photos', file: PNG },
      { field: 'photos', file: pngOfSize(100_000) },
      { field: 'photos', file: bad },
      { field: 'photos', file: PNG },
    ]);

    expect(status).toBe(expectedStatus);
    expect(application.emulator.objects).toEqual([]);
    await expectNothingLeft();
  });

  it('is answered for the file that was refused, not for those given up because of it', async () => {
    const { emulator } = application;
    emulator.faults.add({ operation: 'delete-files', effect: { kind: 'delay', delayMs: 200 } });
    emulator.faults.add({
      operation: 'upload-link',
      effect: { kind: 'hang', at: 'request' },
      after: 1,
    });
    const { outgoing, write } = openForm('mixed');
    const answered = once(outgoing, 'response') as Promise<[IncomingMessage]>;

    write(PART_HEAD, PNG, PART_HEAD);
    await until(() => emulator.objects.length === 1, 'a stored file');
    write(PNG, PART_HEAD, '<html>');
    outgoing.end('\r\n--boundary--\r\n');

    const [response] = await answered;
    expect(response.statusCode).toBe(415);
    response.resume();
    await expectNothingLeft();
  });

  it('leaves none of its files when the cloud refuses the second one', async () => {
    application.emulator.faults.add({
      operation: 'post-object',
      effect: { kind: 'cos-error', cosCode: 'PaymentRequired', status: 402 },
      after: 1,
    });

    const { status, body } = await post(
      'mixed',
      [1, 2, 3].map(() => ({ field: 'photos', file: PNG })),
    );

    expect({ status, body }).toMatchObject({
      status: 502,
      body: { errorCode: 'WX_CLOUD_UPLOAD_REJECTED' },
    });
    expect(JSON.stringify(body)).not.toContain('PaymentRequired');
    expect(application.emulator.objects).toEqual([]);
  });
});

/** Sends the first bytes of a form over a bare socket and goes away. */
const sendPart = async (route: string, bytes: number, end: 'close' | 'complete') => {
  const boundary = 'boundary';
  const head = `--${boundary}\r\ncontent-disposition: form-data; name="photo"; filename="a.png"\r\n\r\n`;
  const body = Buffer.concat([
    Buffer.from(head),
    pngOfSize(400_000),
    Buffer.from(`\r\n--${boundary}--\r\n`),
  ]);
  const { port, hostname } = new URL(application.url);
  const length = end === 'complete' ? bytes : body.byteLength;
  const socket = connect(Number(port), hostname);
  socket.write(
    `POST /failing/${route} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n` +
      `content-type: multipart/form-data; boundary=${boundary}\r\ncontent-length: ${length}\r\n\r\n`,
  );
  socket.write(body.subarray(0, bytes));
  return socket;
};

describe('a form that breaks off', () => {
  it('leaves nothing when the client goes away in the middle of a file', async () => {
    const socket = await sendPart('slow', 150_000, 'close');
    await until(async () => (await countSpoolHandles()) > 0, 'an open temporary file');
    socket.destroy();

    await until(async () => (await countSpoolHandles()) === 0, 'no open temporary file');
    expect(application.emulator.journal).toEqual([]);
    await expectNothingLeft();
  });

  it('is answered with 400 when it ends in the middle of a part', async () => {
    const socket = await sendPart('slow', 150_000, 'complete');
    const answer = await new Promise<string>(resolve => {
      let text = '';
      socket.on('data', data => (text += data.toString()));
      socket.on('close', () => resolve(text));
    });

    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toContain('WX_CLOUD_FORM_INVALID');
    await expectNothingLeft();
  });

  it('leaves nothing when the client goes away while the cloud is receiving the file', async () => {
    application.emulator.faults.add({
      operation: 'post-object',
      effect: { kind: 'delay', delayMs: 300 },
    });
    const socket = await sendPart('slow', 400_200, 'close');
    await until(() =>
      application.emulator.journal.some(({ operation }) => operation === 'upload-link'),
    );
    socket.destroy();

    await until(() =>
      application.emulator.journal.some(({ operation }) => operation === 'post-object'),
    );
    await until(async () => (await countSpoolHandles()) === 0, 'no open temporary file');
    await expectNothingLeft();
  });

  it('leaves nothing when the client goes away while the handler works', async () => {
    let finish = (): void => {};
    slowHandler = () => new Promise(resolve => (finish = resolve));
    const socket = await sendPart('slow', 401_000, 'close');
    await until(() => application.emulator.objects.length === 1, 'a stored file');
    socket.destroy();

    await until(() =>
      application.emulator.journal.some(({ operation }) => operation === 'delete-files'),
    );
    finish();
    await expectNothingLeft();
  });
});

describe('a client that does not go on', () => {
  it('is answered with 408, and nothing is left', async () => {
    const socket = await sendPart('slow', 150_000, 'close');
    const answer = await new Promise<string>(resolve => {
      let text = '';
      socket.on('data', data => (text += data.toString()));
      socket.on('close', () => resolve(text));
    });

    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(answer).toContain('WX_CLOUD_BODY_STALLED');
    await until(async () => (await countSpoolHandles()) === 0, 'no open temporary file');
    await expectNothingLeft();
  });
});

describe('a path that several requests share', () => {
  it('keeps the file of a later request when an earlier one fails', async () => {
    let finish = (): void => {};
    slowHandler = () => new Promise(resolve => (finish = resolve));
    const first = post('shared-path', [
      { field: 'fails', text: 'yes' },
      { field: 'photo', file: PNG },
    ]);
    await until(() => application.emulator.objects.length === 1, 'the first file');
    const later = pngOfSize(1_000);
    expect(await post('shared-path', [{ field: 'photo', file: later }])).toMatchObject({
      status: 201,
    });
    finish();

    expect(await first).toMatchObject({ status: 500 });
    expect((await application.emulator.readObject('avatars/me.png')).equals(later)).toBe(true);
  });

  it('is free again when its only request fails', async () => {
    slowHandler = async () => {};
    await post('shared-path', [
      { field: 'fails', text: 'yes' },
      { field: 'photo', file: PNG },
    ]);
    await expectNothingLeft();
  });
});

describe('an application that closes', () => {
  it('removes the file of a request whose client leaves meanwhile', async () => {
    let finish = (): void => {};
    slowHandler = () => new Promise(resolve => (finish = resolve));
    const socket = await sendPart('slow', 401_000, 'close');
    await until(() => application.emulator.objects.length === 1, 'a stored file');

    const closing = application.app.close();
    socket.destroy();
    await closing;

    expect(application.emulator.objects).toEqual([]);
    finish();
  });
});

describe('files that cannot be removed', () => {
  it('are reported with their IDs', async () => {
    application.emulator.faults.add({
      operation: 'delete-files',
      effect: { kind: 'item', status: -503002, errmsg: 'no permission' },
      times: Infinity,
    });

    await post('throws');

    const fileIds = application.emulator.objects.map(({ fileId }) => fileId);
    expect(fileIds).toHaveLength(1);
    expect(onOrphan.mock.calls).toEqual([[fileIds]]);
  });
});

describe('an error of the cloud', () => {
  it('shows a client neither its text nor a credential', async () => {
    application.emulator.faults.add({
      operation: 'upload-link',
      effect: {
        kind: 'errcode',
        errcode: -501007,
        errmsg: 'bad parameter access_token=leaky-token-value',
      },
      times: Infinity,
    });

    const { status, body } = await post('slow');

    expect({ status, body }).toEqual({
      status: 502,
      body: {
        statusCode: 502,
        error: 'Bad Gateway',
        errorCode: 'WX_CLOUD_API_FAILED',
        message: 'The cloud storage could not complete the request.',
      },
    });
  });
});

/** How many files in the spool folder this process has open: they have no name there any more. */
async function countSpoolHandles(): Promise<number> {
  const { readlink } = await import('node:fs/promises');
  const handles = await readdir('/proc/self/fd');
  const targets = await Promise.all(
    handles.map(handle => readlink(`/proc/self/fd/${handle}`).catch(() => '')),
  );
  return targets.filter(target => target.startsWith(spoolDirectory)).length;
}

import { Controller, Post, UploadedFile, UploadedFiles, UseInterceptors } from '@nestjs/common';
import { FileInterceptor } from '@nestjs/platform-express';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  WxCloudFileFieldsInterceptor,
  WxCloudFileInterceptor,
  wxCloudUpload,
  type WxCloudIncomingFile,
  type WxCloudUploadedFile,
} from '../../lib/index.js';
import { ADAPTERS, EXPRESS } from '../support/adapters.js';
import { PNG } from '../support/forms.js';
import {
  expectNothingLeft,
  startEdgeApplication,
  type EdgeApplication,
} from '../e2e/http/support/edge-application.js';
import { openConnection } from '../e2e/http/support/raw-request.js';

@Controller()
class PhotosController {
  @Post('photo')
  @UseInterceptors(WxCloudFileInterceptor('photo'))
  one(@UploadedFile() photo: WxCloudUploadedFile) {
    return { name: photo.originalname };
  }

  @Post('small')
  @UseInterceptors(
    WxCloudFileInterceptor('photo', {
      contentTypes: ['image/*'],
      limits: { fileSize: 100, fieldSize: 10 },
    }),
  )
  small() {
    return 'unreachable';
  }

  @Post('fields')
  @UseInterceptors(
    WxCloudFileFieldsInterceptor([
      { name: 'photo', maxCount: 2 },
      { name: 'page', maxCount: 1 },
    ]),
  )
  fields(@UploadedFiles() files: Record<string, WxCloudUploadedFile[]>) {
    return Object.keys(files);
  }
}

/** A request with a form as text, in which `PNG` stands for a picture. */
interface OddRequest {
  readonly path?: string;
  readonly contentType?: string;
  readonly headers?: string;
  readonly body: string;
}

const FILE = 'content-disposition: form-data; name="photo"; filename="a.png"';

function bytesOf(body: string): Buffer {
  return Buffer.concat(
    body.split('PNG').flatMap((text, index) => [...(index > 0 ? [PNG] : []), Buffer.from(text)]),
  );
}

async function send(application: EdgeApplication, request: OddRequest) {
  const { path = 'photo', contentType = 'multipart/form-data; boundary=b', headers = '' } = request;
  const body = bytesOf(request.body);
  const connection = openConnection(application.url);
  connection.send(
    `POST /${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: ${contentType}\r\n` +
      `${headers}content-length: ${body.byteLength}\r\n\r\n`,
    body,
  );
  const response = await connection.response;
  const json: unknown = JSON.parse(response.slice(response.indexOf('\r\n\r\n') + 4));
  return { status: Number(response.slice(9, 12)), body: json };
}

/** A form with a picture and other parts around it. */
function formWith(head: string, before = '', after = ''): string {
  return `${before}--b\r\n${head}\r\n\r\nPNG\r\n${after}--b--\r\n`;
}

describe.each(ADAPTERS)('an unusual form on $name', adapter => {
  let application: EdgeApplication;
  beforeAll(async () => {
    application = await startEdgeApplication({ adapter, controllers: [PhotosController] });
  });
  afterEach(() => application.emulator.reset());
  afterAll(() => application.close());

  it.each<[string, OddRequest, string?]>([
    [
      'a semicolon at the end of its Content-Type',
      { contentType: 'multipart/form-data; boundary=b;', body: formWith(FILE) },
    ],
    [
      'two semicolons in its Content-Type',
      { contentType: 'multipart/form-data;; boundary=b', body: formWith(FILE) },
    ],
    [
      'a character set without a value',
      { contentType: 'multipart/form-data; charset=; boundary="b"', body: formWith(FILE) },
    ],
    ['a semicolon at the end of a part’s header', { body: formWith(`${FILE};`) }],
    [
      'two semicolons in a part’s header',
      { body: formWith('content-disposition: form-data;; name="photo";; filename="a.png"; ') },
    ],
    ['a semicolon behind a type', { body: formWith(`${FILE}\r\ncontent-type: image/png;`) }],
    ['an empty part of two lines', { body: formWith(FILE, '--b\r\n\r\n') }],
    ['an empty part of no line', { body: formWith(FILE, '--b\r\n') }],
    ['an empty part of three lines', { body: formWith(FILE, '--b\r\n\r\n\r\n') }],
    ['an empty part at its end', { body: formWith(FILE, '', '--b\r\n\r\n') }],
    [
      'a field without content',
      { body: formWith(FILE, '--b\r\ncontent-disposition: form-data; name="t"\r\n\r\n') },
    ],
    [
      'a name as React Native 0.74 writes it',
      {
        body: formWith(
          'content-disposition: form-data; name="photo"; filename="a;b.png"; filename*=utf-8\'\'a;b.png',
        ),
      },
      'a;b.png',
    ],
    [
      'a vertical tab in a name, as Chromium writes it',
      { body: formWith(FILE.replace('a.png', 'a\u000bb.png')) },
      'ab.png',
    ],
    [
      'a name without quotes',
      { body: formWith(FILE.replace('"a.png"', 'my photo.png')) },
      'my photo.png',
    ],
    [
      'an encoding of its own that is none',
      { headers: 'content-encoding: identity\r\n', body: formWith(FILE) },
    ],
  ])('may have %s', async (_, request, name = 'a.png') => {
    expect(await send(application, request)).toEqual({ status: 201, body: { name } });
  });

  const text = 'content-disposition: form-data; name="photo"';

  it.each<[string, OddRequest, RegExp, string?]>([
    [
      'has no boundary',
      { contentType: 'multipart/form-data', body: formWith(FILE) },
      /has no boundary/,
    ],
    [
      'has another boundary',
      { contentType: 'multipart/form-data; boundary=c', body: formWith(FILE) },
      /the boundary "c" of its Content-Type does not occur in the body/,
    ],
    [
      'has a malformed header',
      { body: formWith(FILE, `--b\r\n${text}2"\r\nnonsense\r\n\r\nx\r\n`) },
      /the headers of part 1 are malformed: line 2 is not/,
    ],
    [
      'is cut off',
      { body: `--b\r\n${FILE}\r\n\r\nPNG\r\n--b\r\n${text}\r\n\r\nab` },
      /cut off in part 2/,
    ],
    ['is empty', { body: '' }, /refused: its body is empty\./],
    [
      'has bare line feeds',
      { body: formWith(FILE).replaceAll('\r\n', '\n') },
      /its lines end in LF/,
    ],
    [
      'is compressed',
      { headers: 'content-encoding: gzip\r\n', body: formWith(FILE) },
      /compressed \(Content-Encoding "gzip"\)/,
    ],
    [
      'has a file in another field',
      { body: formWith(FILE.replace('"photo"', '"avatar"')) },
      /a file in the field "avatar"; files are expected in "photo"\./,
    ],
    [
      'has a second file in a field that takes one',
      { body: formWith(FILE, `--b\r\n${FILE}\r\n\r\nPNG\r\n`) },
      /more than 1 file in the field "photo"/,
    ],
    [
      'has a file in none of several fields',
      { path: 'fields', body: formWith(FILE.replace('"photo"', '"avatar"')) },
      /in the field "avatar"; files are expected in "photo", "page"\./,
    ],
    [
      'has its file as text',
      { body: formWith(`${text}\r\ncontent-type: image/png`) },
      /"photo" was sent as text/,
      'WX_CLOUD_FILE_REQUIRED',
    ],
    [
      'has its file as a long text',
      { path: 'small', body: `--b\r\n${text}\r\n\r\ndata:image/png\r\n--b--\r\n` },
      /"photo" has more than 10 bytes \(limits\.fieldSize\), and a file is expected there: a file has/,
    ],
    [
      'has its file left empty',
      { body: `--b\r\n${text}; filename=""\r\n\r\n\r\n--b--\r\n` },
      /"photo" was left empty/,
      'WX_CLOUD_FILE_REQUIRED',
    ],
    [
      'has no Content-Disposition',
      { body: formWith('content-type: image/png') },
      /part 1 has no Content-Disposition/,
      'WX_CLOUD_FILE_REQUIRED',
    ],
    [
      'is JSON',
      { contentType: 'application/json', body: '{"photo":"data:"}' },
      /its Content-Type is "application\/json"; it has to be multipart\/form-data/,
    ],
    [
      'has its file without a name',
      { body: formWith(`${text}; filename=""`) },
      /"photo" has content without a file name/,
      'WX_CLOUD_FILE_REQUIRED',
    ],
  ])(
    'is rejected with the reason when it %s',
    async (_, request, says, errorCode = 'WX_CLOUD_FORM_INVALID') => {
      expect(await send(application, request)).toMatchObject({
        status: 400,
        body: { errorCode, message: expect.stringMatching(says) },
      });
      await expectNothingLeft(application);
    },
  );
});

describe.each(ADAPTERS)('the message for a rejected file on $name', adapter => {
  let application: EdgeApplication;
  beforeAll(async () => {
    application = await startEdgeApplication({ adapter, controllers: [PhotosController] });
  });
  afterAll(() => application.close());

  it.each([
    [
      415,
      '%PDF-1.4',
      'The content of the file in the field "photo" is application/pdf; accepted: image/*. Send a file of an accepted type.',
    ],
    [
      415,
      '<html>',
      'The content of the file in the field "photo" is of no recognisable type; accepted: image/*. Send a file of an accepted type.',
    ],
    [
      415,
      '',
      'The content of the file in the field "photo" is empty; accepted: image/*. Send a file of an accepted type.',
    ],
    [
      413,
      `PNG${'x'.repeat(100)}`,
      'The file in the field "photo" has more than 100 bytes (limits.fileSize). Send less, or raise the limit.',
    ],
  ])(
    'names its field, the type found and the accepted types: %i %j',
    async (status, content, message) => {
      const body = `--b\r\n${FILE}\r\n\r\n${content}\r\n--b--\r\n`;

      expect(await send(application, { path: 'small', body })).toMatchObject({
        status,
        body: { message },
      });
    },
  );
});

describe("originalname behind Nest's own interceptor", () => {
  const seen: WxCloudIncomingFile[] = [];
  const storage = wxCloudUpload({
    path: file => {
      seen.push(file);
      return 'a.png';
    },
  });

  @Controller()
  class EngineController {
    @Post('photo')
    @UseInterceptors(FileInterceptor('photo', { storage }))
    one(@UploadedFile() photo: WxCloudUploadedFile) {
      return { name: photo.originalname };
    }
  }

  let application: EdgeApplication;
  beforeAll(async () => {
    const controllers = [EngineController];
    application = await startEdgeApplication({ adapter: EXPRESS, controllers });
  });
  afterAll(() => application.close());

  it.each([
    ['a\u0085\u202eb.png', 'ab.png'],
    [`${'长'.repeat(300)}.png`, `${'长'.repeat(251)}.png`],
    ['\u202e', 'file'],
  ])('is as safe as behind ours: %j', async (sent, expected) => {
    const response = await send(application, { body: formWith(FILE.replace('a.png', sent)) });

    expect(response).toEqual({ status: 201, body: { name: expected } });
    expect(seen.pop()).toMatchObject({ originalname: expected });
  });
});

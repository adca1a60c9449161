import { AsyncLocalStorage } from 'node:async_hooks';
import { Body, Controller, Post, UploadedFiles, UseInterceptors } from '@nestjs/common';
import { AnyFilesInterceptor } from '@nestjs/platform-express';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  WxCloudAnyFilesInterceptor,
  wxCloudUpload,
  type WxCloudUploadedFile,
} from '../../lib/index.js';
import { ADAPTERS } from '../support/adapters.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { until } from '../support/until.js';
import {
  encodeParts,
  fileHead,
  textHead,
  type HostileForm,
  type Part,
} from '../support/hostile-forms/hostile-form.js';
import { Random } from '../support/hostile-forms/random.js';
import { sendForm } from '../support/hostile-forms/send-form.js';
import { wellFormed } from '../support/hostile-forms/well-formed.js';
import { encodeForm, openRequest } from '../e2e/http/support/raw-request.js';

/** Our default limits, by multer's names. */
const LIMITS = {
  fileSize: 104_857_600,
  files: 10,
  fieldSize: 1_048_576,
  fieldNameSize: 100,
  parts: 1_000,
  headerPairs: 2_000,
  fieldNestingDepth: 32,
  fieldArrayIndexLimit: 1_000,
};

/** The compared part; the storage of a file differs. */
function metadataOf(files: readonly WxCloudUploadedFile[], body: object): object {
  const known = files.map(({ fieldname, originalname, encoding, mimetype, size }) => {
    return { fieldname, originalname, encoding, mimetype, size };
  });
  return { body, files: known };
}

@Controller()
class FormsController {
  @Post('ours')
  @UseInterceptors(WxCloudAnyFilesInterceptor({ required: false }))
  ours(@UploadedFiles() files: WxCloudUploadedFile[], @Body() body: object) {
    return metadataOf(files, body);
  }

  @Post('multer')
  @UseInterceptors(
    AnyFilesInterceptor({ storage: wxCloudUpload(), limits: LIMITS, defParamCharset: 'utf8' }),
  )
  multer(@UploadedFiles() files: WxCloudUploadedFile[], @Body() body: object) {
    return metadataOf(files, body);
  }
}

describe("the interceptors read a form as Nest's own do", () => {
  let application: TestApplication;
  beforeAll(async () => {
    application = await startApplication({ controllers: [FormsController] });
  });
  afterAll(() => application.close());

  const send = async (route: string, form: HostileForm): Promise<object> => {
    const { status, body } = await sendForm(`${application.url}/${route}`, form);
    return { status, body: JSON.parse(body) as unknown };
  };

  const SEED = 20_270_216;
  const random = new Random(SEED);
  const forms = Array.from({ length: 60 }, (_, index) => ({ index, form: wellFormed(random) }));

  it.each(forms)(`well-formed form $index of seed ${SEED}`, async ({ form }) => {
    const theirs = await send('multer', form);
    expect(theirs).toMatchObject({ status: 201, body: { files: { length: form.files?.length } } });
    expect(await send('ours', form)).toEqual(theirs);
  });

  const text = (name: string, content = 'x', ...lines: readonly string[]): Part => ({
    head: [textHead(name), ...lines].join('\r\n'),
    content: Buffer.from(content),
  });
  const file = (parameters: string, ...lines: readonly string[]): Part => ({
    head: [`content-disposition: form-data; name="f"; ${parameters}`, ...lines].join('\r\n'),
    content: Buffer.from('content'),
  });
  const bytes = (charset: string, ...content: readonly number[]): Part => ({
    head: `${textHead('t')}\r\ncontent-type: text/plain; charset=${charset}`,
    content: Buffer.from(content),
  });
  const raw = (head: string): Part => ({ head, content: Buffer.from('x') });

  it.each<[string, readonly Part[]]>([
    ['no parts', []],
    ['an empty text', [text('t', '')]],
    ['repeated names', [text('t', '1'), text('t', '2'), text('t', '3')]],
    ['lists', [text('t[]', '1'), text('t[]', '2'), text('u[]')]],
    ['a list with indices', [text('t[1]', '1'), text('t[0]', '0')]],
    ['objects', [text('t[a]', '1'), text('t[b][c]', '2'), text('t[b][d]', '3')]],
    ['objects in lists', [text('t[0][a]', '1'), text('t[1][a]', '2'), text('t[0][b]', '3')]],
    ['a value that becomes an object', [text('t', '1'), text('t[a]', '2'), text('t', '3')]],
    ['a list that becomes an object', [text('t[]', '1'), text('t[a]', '2'), text('t[]', '3')]],
    ['names that are not in the notation', [text('[a]'), text('t[a'), text('t[]b'), text('t]')]],
    ['names of methods', [text('toString'), text('hasOwnProperty[valueOf]'), text('length')]],
    ['a name in Chinese', [text('猫[标题]', '值'), { ...file('filename="a"') }]],
    ['a name with an escaped quote', [text('a\\"b')]],
    ['a name with quotes and line ends as browsers write them', [text('a%22b%0D%0Ac')]],
    ['a name with a backslash', [text('a\\b\\\\c')]],
    ['a name with other escapes', [text('a%20b%5Bc%5D')]],
    ['a name as long as the limit', [text('n'.repeat(100)), text('猫'.repeat(33))]],
    ['a name as deep as the limit', [text(`t${'[a]'.repeat(32)}`)]],
    ['a name without quotes', [raw('content-disposition: form-data; name=t')]],
    ['headers in capitals', [raw('CONTENT-DISPOSITION: Form-Data; NAME="t"')]],
    ['a folded header', [raw('content-disposition: form-data;\r\n name="t"')]],
    ['two dispositions', [raw(`${textHead('t')}\r\n${textHead('u')}`)]],
    ['other headers', [text('t', 'x', 'x-a: b', 'content-length: 1')]],
    ['a part with another disposition', [raw('content-disposition: attachment; name="t"')]],
    ['a part without a disposition', [raw('content-type: text/plain')]],
    ['a text with the type of JSON', [text('t', '{"a":1}', 'content-type: application/json')]],
    ['a text with a byte order mark', [text('t', '\ufeffx')]],
    ['a text that is no UTF-8', [{ ...text('t'), content: Buffer.of(0x61, 0xff, 0xc3) }]],
    ['a text in Latin-1', [bytes('ISO-8859-1', 0xe9, 0x61)]],
    ['a text in UTF-16', [bytes('utf-16le', 0x2b, 0x73)]],
    ['a text in UTF-8, as it says', [bytes('"UTF-8"', 0xe7, 0x8c, 0xab)]],
    ['an empty file input', [file('filename=""', 'content-type: application/octet-stream')]],
    ['bytes without a name', [text('t', 'x', 'content-type: application/octet-stream')]],
    ['an empty file', [{ ...file('filename="a"'), content: Buffer.alloc(0) }]],
    ['a file without a type', [file('filename="a.png"')]],
    ['a file with a type', [file('filename="a.png"', 'content-type: Image/PNG; a=b')]],
    ['a file with a malformed type', [file('filename="a.png"', 'content-type: image')]],
    ['a file with an encoding', [file('filename="a"', 'content-transfer-encoding: Base64')]],
    ['a file named in Chinese', [file('filename="猫的照片 😀.png"')]],
    ['a file named with quotes', [file('filename="a\\"b%22c.png"')]],
    ['a file named with line ends', [file('filename="a%0D%0Ab.png"')]],
    ['a file in folders', [file('filename="../../a.png"')]],
    ['a file in folders of Windows', [file('filename="C:\\dir\\a.png"')]],
    ['a file named by nothing but folders', [file('filename="a/.."'), file('filename="a/"')]],
    ['a file named without quotes', [file('filename=a.png')]],
    ['an extended name', [file("filename*=UTF-8''%E7%8C%AB%22.png")]],
    ['an extended name in Latin-1', [file("filename*=ISO-8859-1'en'%A3.png")]],
    ['an extended name and a plain one', [file('filename="a"; filename*=UTF-8\'\'%E7%8C%AB')]],
    ['a plain name and an extended one', [file('filename*=UTF-8\'\'%E7%8C%AB; filename="a"')]],
    ['an extended name with folders', [file("filename*=UTF-8''..%2Fa.png")]],
    ['a file in a field of a nested name', [raw(fileHead('f[a][0]', 'a'))]],
    ['files and texts in turn', [text('t'), file('filename=a'), text('u'), file('filename=b')]],
    ['as many files as the limit', Array.from({ length: 10 }, () => file('filename="a"'))],
  ])('a form with %s', async (_, parts) => {
    const form = {
      family: 'by hand',
      contentType: 'multipart/form-data; boundary=b',
      body: encodeParts('b', parts),
    };
    const theirs = await send('multer', form);
    expect(theirs).toMatchObject({ status: 201 });
    expect(await send('ours', form)).toEqual(theirs);
  });
});

describe.each(ADAPTERS)('AsyncLocalStorage of a middleware on $name', adapter => {
  const requests = new AsyncLocalStorage<string>();
  const seenByPath: unknown[] = [];

  @Controller()
  class ContextController {
    @Post('context')
    @UseInterceptors(
      WxCloudAnyFilesInterceptor({
        path: ({ originalname }) => {
          seenByPath.push(requests.getStore());
          return `context/${originalname}`;
        },
      }),
    )
    create() {
      return { seenByHandler: requests.getStore() };
    }
  }

  let application: TestApplication;
  beforeAll(async () => {
    application = await startApplication({
      adapter,
      controllers: [ContextController],
      configure: app => {
        app.use((request: { url?: string }, _: unknown, next: () => void) =>
          requests.run(`request for ${request.url}`, next),
        );
      },
    });
  });
  afterAll(() => application.close());

  it('is available to path functions and the handler', async () => {
    const part = (fileName: string) => ({ field: 'f', content: 'x', fileName });
    const form = encodeForm([part('a'), part('b')]);
    const second = form.indexOf('filename="b"');
    const request = openRequest(application.url, { path: '/context', length: form.byteLength });
    request.send(form.subarray(0, second));
    // The second file then comes in an event of the connection, long after the middleware.
    await until(() => seenByPath.length === 1, 'the path of the first file');
    request.send(form.subarray(second));
    const response = await request.response;

    expect(seenByPath).toEqual(['request for /context', 'request for /context']);
    expect(response.slice(9, 12)).toBe('201');
    expect(response).toContain('{"seenByHandler":"request for /context"}');
  });
});

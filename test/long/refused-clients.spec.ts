import { Controller, Post, UploadedFiles, UseInterceptors } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  WxCloudAnyFilesInterceptor,
  wxCloudUpload,
  type WxCloudUploadedFile,
} from '../../lib/index.js';
import { ADAPTERS, type Adapter } from '../support/adapters.js';
import { PNG } from '../support/forms.js';
import {
  expectNothingLeft,
  startEdgeApplication,
  type EdgeApplication,
} from '../e2e/http/support/edge-application.js';
import { ENDLESS_CLIENTS } from '../e2e/http/support/endless-clients.js';
import { encodeForm, openRequest } from '../e2e/http/support/raw-request.js';

function uploadsController({ FileInterceptor }: Adapter) {
  @Controller()
  class UploadsController {
    @Post('engine')
    @UseInterceptors(FileInterceptor('photo', ENGINE_OPTIONS))
    engine() {
      return { stored: true };
    }

    @Post('any')
    @UseInterceptors(
      WxCloudAnyFilesInterceptor({ limits: { fileSize: 100_000 }, contentTypes: ['image/*'] }),
    )
    any(@UploadedFiles() files: WxCloudUploadedFile[]) {
      return { sizes: files.map(({ size }) => size) };
    }
  }
  return UploadsController;
}

const ENGINE_OPTIONS = {
  storage: wxCloudUpload({ contentTypes: ['image/*'] }),
  limits: { fileSize: 100_000 },
};

const FORM_TYPE = 'multipart/form-data; boundary=boundary';
const FILE_HEAD =
  '--boundary\r\ncontent-disposition: form-data; name="photo"; filename="a.png"\r\n\r\n';
const TOO_LARGE = Buffer.concat([Buffer.from(FILE_HEAD), PNG]);
const BEHIND_END = encodeForm([{ field: 'photo', content: 'no picture', fileName: 'a.png' }]);
const LONG_TEXT = Buffer.from('--boundary\r\ncontent-disposition: form-data; name="text"\r\n\r\n');

const REFUSALS = [
  {
    what: 'a file that is too large',
    contentType: FORM_TYPE,
    beginning: TOO_LARGE,
    status: 413,
  },
  {
    what: 'a file of a wrong type',
    contentType: FORM_TYPE,
    beginning: BEHIND_END,
    status: 415,
  },
  {
    what: 'a text that is too long',
    contentType: FORM_TYPE,
    beginning: LONG_TEXT,
    status: 400,
  },
  {
    what: 'no boundary',
    contentType: 'multipart/form-data',
    beginning: TOO_LARGE,
    status: 400,
  },
] as const;

/** Those that a parser that is not ours lets the engine see. */
const ENGINE_REFUSALS = [REFUSALS[0], REFUSALS[1]] as const;

/** The interceptors refuse a length that no form can have; the engine does not see it. */
function statusOfLength({ path, what }: { readonly path: string; readonly what: string }): object {
  return path === 'any' && what !== 'no boundary' ? { status: 413 } : {};
}

/** The bytes read of a rejected form, and those held by its connection. */
const MOST_SENT_BYTES = 64 * 1_048_576;

describe.each(ADAPTERS)('an endless rejected form on $name', adapter => {
  let application: EdgeApplication;
  beforeAll(async () => {
    application = await startEdgeApplication({
      adapter,
      controllers: [uploadsController(adapter)],
      options: { timeouts: { idleMs: 60_000 } },
    });
  });
  afterAll(() => application.close());

  it.each(ENDLESS_CLIENTS)('is answered to %s and not read further', async (_name, send) => {
    const refusals = [
      ...REFUSALS.map(refusal => ({ ...refusal, path: 'any' })),
      ...ENGINE_REFUSALS.map(refusal => ({ ...refusal, path: 'engine' })),
    ];
    const forms = refusals.flatMap(refusal => [
      { ...refusal, contentLength: 10_000_000_000, ...statusOfLength(refusal) },
      { ...refusal, contentLength: undefined },
    ]);
    const responses = await Promise.all(
      forms.map(async ({ path, ...form }) => {
        const { status, sentBytes } = await send({ ...form, url: `${application.url}/${path}` });
        const isBounded = sentBytes < MOST_SENT_BYTES;
        return { path, what: form.what, isBounded, status };
      }),
    );

    const expected = forms.map(({ path, what, status }) => ({
      path,
      what,
      isBounded: true,
      status,
    }));
    expect(responses).toEqual(expected);
    await expectNothingLeft(application);
  });

  it('loses its connection when its rest does not come behind the response', async () => {
    const head = { path: '/any', length: 10_000_000, connection: 'keep-alive' } as const;
    const { response } = openRequest(application.url, head);

    expect(await response).toMatch(/^HTTP\/1\.1 413 /);
    await expectNothingLeft(application);
  });
});

import { Controller, Post, UploadedFiles, UseInterceptors } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { WxCloudAnyFilesInterceptor, type WxCloudUploadedFile } from '../../../lib/index.js';
import { ADAPTERS } from '../../support/adapters.js';
import { PNG } from '../../support/forms.js';
import {
  expectNothingLeft,
  startEdgeApplication,
  type EdgeApplication,
} from './support/edge-application.js';
import { ENDLESS_CLIENTS } from './support/endless-clients.js';
import { encodeForm } from './support/raw-request.js';

@Controller()
class UploadsController {
  @Post('any')
  @UseInterceptors(
    WxCloudAnyFilesInterceptor({ limits: { fileSize: 100_000 }, contentTypes: ['image/*'] }),
  )
  any(@UploadedFiles() files: WxCloudUploadedFile[]) {
    return { sizes: files.map(({ size }) => size) };
  }
}

const FORM_TYPE = 'multipart/form-data; boundary=boundary';
const FILE_HEAD =
  '--boundary\r\ncontent-disposition: form-data; name="photo"; filename="a.png"\r\n\r\n';
const TOO_LARGE = Buffer.concat([Buffer.from(FILE_HEAD), PNG]);
const WRONG_TYPE = Buffer.concat([Buffer.from(FILE_HEAD), Buffer.from('%PDF-1.7\n')]);
const BEHIND_END = encodeForm([{ field: 'photo', content: 'no picture', fileName: 'a.png' }]);
const LONG_TEXT = Buffer.from('--boundary\r\ncontent-disposition: form-data; name="text"\r\n\r\n');

const REFUSALS = [
  {
    what: 'a file that is too large',
    contentType: FORM_TYPE,
    beginning: TOO_LARGE,
    status: 413,
    code: 'WX_CLOUD_FILE_TOO_LARGE',
  },
  {
    what: 'a file of a wrong type, before its end',
    contentType: FORM_TYPE,
    beginning: WRONG_TYPE,
    status: 415,
    code: 'WX_CLOUD_TYPE_REFUSED',
  },
  {
    what: 'a file of a wrong type, behind its end',
    contentType: FORM_TYPE,
    beginning: BEHIND_END,
    status: 415,
    code: 'WX_CLOUD_TYPE_REFUSED',
  },
  {
    what: 'a text that is too long',
    contentType: FORM_TYPE,
    beginning: LONG_TEXT,
    status: 400,
    code: 'WX_CLOUD_FORM_INVALID',
  },
  {
    what: 'no boundary',
    contentType: 'multipart/form-data',
    beginning: TOO_LARGE,
    status: 400,
    code: 'WX_CLOUD_FORM_INVALID',
  },
] as const;

/** What is read of a refused form, and what connections hold of it. */
const MOST_SENT_BYTES = 64 * 1_048_576;

describe.each(ADAPTERS)('on $name, a refused form without end', adapter => {
  let application: EdgeApplication;
  beforeAll(async () => {
    application = await startEdgeApplication({
      adapter,
      controllers: [UploadsController],
      options: { timeouts: { idleMs: 60_000 } },
    });
  });
  afterAll(() => application.close());

  it.each(ENDLESS_CLIENTS)('is answered to %s, and not read on', async (_name, send) => {
    const url = `${application.url}/any`;
    const forms = REFUSALS.flatMap(refusal => [
      { ...refusal, url, contentLength: 10_000_000_000 },
      { ...refusal, url, contentLength: undefined },
    ]);
    const answers = await Promise.all(
      forms.map(async form => {
        const { status, text, sentBytes } = await send(form);
        const isBounded = sentBytes < MOST_SENT_BYTES;
        return { what: form.what, isBounded, status, ...readCode(text) };
      }),
    );

    const expected = forms.map(({ what, status, code }) => ({
      what,
      isBounded: true,
      status,
      code,
    }));
    expect(answers).toEqual(expected);
    await expectNothingLeft(application);
  });
});

function readCode(text: string): { readonly code: string | undefined } {
  return { code: /"errorCode":"(\w+)"/.exec(text)?.[1] };
}

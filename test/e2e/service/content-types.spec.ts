import { Controller, Post, UseInterceptors } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { WxCloudEmulatorFault } from '../../../lib/emulator/index.js';
import { WxCloudFileInterceptor, WxCloudReplyInterceptor } from '../../../lib/index.js';
import { startApplication, type TestApplication } from '../../support/application.js';
import { pngOfSize } from '../../support/forms.js';

const PNG = pngOfSize(200);
const OCTETS = 'application/octet-stream';
/** Texts that pass a check of their first part only, or that no header can carry. */
const BAD_TYPES = ['image/png;,text/html', 'image/\u00e9', 'image/png\r\nx: y', 'image', ''];

/** Text of the client, from the part or from the content. */
const detectContentType = (head: Uint8Array, file: { readonly mimetype: string }): string =>
  file.mimetype === 'text/plain' ? Buffer.from(head).toString('latin1') : file.mimetype;

@Controller()
class FormsController {
  @Post('any')
  @UseInterceptors(WxCloudFileInterceptor('photo', { detectContentType }))
  any(): string {
    return 'stored';
  }

  @Post('images')
  @UseInterceptors(
    WxCloudFileInterceptor('photo', { detectContentType, contentTypes: ['image/*'] }),
  )
  images(): string {
    return 'stored';
  }

  @Post('reply')
  @UseInterceptors(WxCloudReplyInterceptor())
  reply(): Blob {
    return new Blob(['<p>'], { type: 'image/png;,text/html' });
  }
}

let application: TestApplication;
beforeEach(async () => {
  application = await startApplication({ controllers: [FormsController] });
});
afterEach(() => application.close());

const types = (): string[] => application.emulator.objects.map(({ contentType }) => contentType);
const forms = (): number =>
  application.emulator.journal.filter(({ operation }) => operation === 'post-object').length;

function refuseForms(times: number, cosCode = 'AccessDenied'): void {
  const effect = { kind: 'cos-error', cosCode, status: 403 } as const;
  const fault: WxCloudEmulatorFault = { operation: 'post-object', effect, times };
  application.emulator.faults.add(fault);
}

/** A form with a part or content that names a type no browser would send. */
async function post(path: string, type: string, content = 'plain'): Promise<Response> {
  const head = `--b\r\ncontent-disposition: form-data; name="photo"; filename="a"\r\ncontent-type: ${type}\r\n\r\n`;
  const body = Buffer.from(`${head}${content}\r\n--b--\r\n`, 'latin1');
  const headers = { 'content-type': 'multipart/form-data; boundary=b' };
  return fetch(`${application.url}/${path}`, { method: 'POST', headers, body });
}

describe('the Content-Type field after a rejected form', () => {
  it.each(['AccessDenied', 'SignatureDoesNotMatch', 'InvalidArgument'])(
    'is left out for that file only with %s',
    async cosCode => {
      refuseForms(1, cosCode);
      const { storage } = application;

      expect(await storage.upload('1.png', PNG)).toMatchObject({ contentType: OCTETS });
      expect(await storage.upload('2.png', PNG)).toMatchObject({ contentType: 'image/png' });
      expect(types().toSorted()).toEqual([OCTETS, 'image/png']);
      expect(forms()).toBe(3);
    },
  );

  it('is kept once a form with a type was accepted', async () => {
    const { storage } = application;
    await storage.upload('1.png', PNG);
    for (const path of ['2.png', '3.png', '4.png', '5.png']) {
      refuseForms(1);
      expect(await storage.upload(path, PNG)).toMatchObject({ contentType: 'image/png' });
    }
    expect(new Set(types())).toEqual(new Set(['image/png']));
  });

  it('is left out in the second try only', async () => {
    refuseForms(Infinity);
    await expect(application.storage.upload('1.png', PNG)).rejects.toMatchObject({
      code: 'WX_CLOUD_UPLOAD_REJECTED',
      cosCode: 'AccessDenied',
    });
    expect(forms()).toBe(2);
  });

  it('is left out for later files after rejections at three paths', async () => {
    const { storage } = application;
    for (const path of ['1.png', '2.png', '3.png']) {
      refuseForms(1);
      await storage.upload(path, PNG);
    }
    expect(forms()).toBe(6);
    expect(await storage.upload('4.png', PNG)).toMatchObject({ contentType: OCTETS });
    expect(forms()).toBe(7);
    const { fields } = await storage.createUploadForm('5.png', { contentType: 'image/png' });
    expect(Object.keys(fields)).not.toContain('Content-Type');
  });

  it('is left out only for a path that is rejected again and again', async () => {
    const { storage } = application;
    for (let time = 0; time < 4; time += 1) {
      refuseForms(1);
      await storage.upload('1.png', PNG);
    }
    expect(await storage.upload('2.png', PNG)).toMatchObject({ contentType: 'image/png' });
  });
});

describe('an invalid media type', () => {
  it.each(BAD_TYPES)(
    'is rejected before any call when the application gives it: %j',
    async type => {
      const { storage, emulator } = application;
      const refused = { code: 'WX_CLOUD_ARGUMENT_INVALID' };
      const options = { contentType: type };
      await expect(storage.upload('a', 'x', options)).rejects.toMatchObject(refused);
      await expect(storage.uploadFile('package.json', 'a', options)).rejects.toMatchObject(refused);
      await expect(storage.createUploadForm('a', options)).rejects.toMatchObject(refused);
      expect(emulator.journal).toEqual([]);
    },
  );

  it.each(['image/png;,text/html', 'image', 'image/a b'])(
    'of a Blob is ignored: %j',
    async type => {
      const stored = await application.storage.upload('a', new Blob(['text'], { type }));
      expect(stored.contentType).toBe(OCTETS);
      expect(types()).toEqual([OCTETS]);
    },
  );

  it('of a Blob that a handler returns is ignored', async () => {
    const response = await fetch(`${application.url}/reply`, { method: 'POST' });
    expect(await response.json()).toMatchObject({ contentType: OCTETS });
  });

  it.each<[string, string, string]>([
    ['a part of type image/\u00e9', 'image/\u00e9', 'plain'],
    ...['image/png;,text/html', 'image/png; a=1; a=2', 'image/', 'image/\u00e9'].map(
      (content): [string, string, string] => [`the text ${content}`, 'text/plain', content],
    ),
  ])('that detectContentType reads from a form is ignored: %s', async (_, type, content) => {
    expect((await post('any', type, content)).status).toBe(201);
    expect((await post('any', 'image/x-own')).status).toBe(201);
    expect((await post('images', type, content)).status).toBe(415);
    expect(types().toSorted()).toEqual([OCTETS, 'image/x-own']);
    expect(forms()).toBe(2);
  });

  it.each<[string, unknown]>([
    ['a wrong text', 'image/\u00e9'],
    ['a number', 7],
    ['null', null],
  ])('that detectContentType returns for a confirmed file is ignored: %s', async (_, type) => {
    const { storage } = application;
    const { fileId } = await storage.upload('a', 'text');
    const detect = (): string => type as string;
    const confirmed = await storage.confirmUpload(fileId, { detectContentType: detect });
    expect(confirmed.contentType).toBe(OCTETS);
  });
});

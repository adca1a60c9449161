import { Controller, Post, UploadedFile, UseInterceptors } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { WxCloudFileInterceptor, type WxCloudUploadedFile } from '../../../lib/index.js';
import { ADAPTERS } from '../../support/adapters.js';
import { PNG } from '../../support/forms.js';
import {
  expectNothingLeft,
  startEdgeApplication,
  type EdgeApplication,
} from './support/edge-application.js';
import { encodeForm, openRequest } from './support/raw-request.js';

@Controller()
class PhotosController {
  @Post('generated')
  @UseInterceptors(WxCloudFileInterceptor('photo', { path: '照片/' }))
  generated(@UploadedFile() photo: WxCloudUploadedFile) {
    return photo;
  }

  /** A path from the client's file name, as no application should make it. */
  @Post('by-name')
  @UseInterceptors(WxCloudFileInterceptor('photo', { path: file => `names/${file.originalname}` }))
  byName(@UploadedFile() photo: WxCloudUploadedFile) {
    return photo;
  }
}

interface NameResponse {
  readonly status: string;
  readonly photo: Partial<WxCloudUploadedFile> & { readonly errorCode?: string };
}

describe.each(ADAPTERS)('originalName on $name', adapter => {
  let application: EdgeApplication;
  beforeAll(async () => {
    application = await startEdgeApplication({ adapter, controllers: [PhotosController] });
  });
  afterEach(() => application.emulator.reset());
  afterAll(() => application.close());

  /** Sends a name as it stands in the header of a part. */
  const send = async (path: string, fileName: string): Promise<NameResponse> => {
    const form = encodeForm([{ field: 'photo', content: PNG, fileName }]);
    const request = openRequest(application.url, { path, length: form.byteLength });
    request.send(form);
    const response = await request.response;
    const photo = JSON.parse(response.slice(response.indexOf('\r\n\r\n'))) as NameResponse['photo'];
    return { status: response.slice(9, 12), photo };
  };

  it.each([
    ['Chinese', '猫的照片.png', '猫的照片.png'],
    ['characters of four bytes', '😀𠮷👨‍👩‍👧.png', '😀𠮷👨‍👩‍👧.png'],
    ['a script from right to left', 'صورة.png', 'صورة.png'],
    ['an override of its direction', 'صورة\u202egnp.exe', 'صورةgnp.exe'],
    ['a vertical tab, as Chromium writes it', 'a\u000bb.png', 'ab.png'],
    ['other control characters', '\0a\u001b[0m\u007f\u0085.png', 'a[0m.png'],
    ['nothing else', '\u202e\u0007', 'file'],
    ['a raw quote', 'a"b.png', 'a"b.png'],
    ['a raw quote and a semicolon', 'a"b;c.png', 'a"b;c.png'],
    ['a quote, as browsers write it', 'a%22b.png', 'a"b.png'],
    ['a quote behind a backslash', 'a\\"b.png', 'a"b.png'],
    ['a line break, as browsers write it', 'a%0D%0AX-Evil: 1.png', 'aX-Evil: 1.png'],
    ['percent signs that are no escapes', '100%_%E7%8C%AB.png', '100%_%E7%8C%AB.png'],
    ['a semicolon and an equals sign', "it's; x=1.png", "it's; x=1.png"],
    ['three thousand characters', `${'长'.repeat(3_000)}.png`, `${'长'.repeat(251)}.png`],
    ['folders', '../../etc/passwd', 'passwd'],
    ['folders of Windows', 'C:\\photos\\a.png', 'a.png'],
  ])('keeps %s and is no part of the path', async (_, sent, originalname) => {
    const { status, photo } = await send('/generated', sent);

    expect({ status, photo }).toMatchObject({ status: '201', photo: { originalname } });
    expect(photo.cloudPath).toMatch(/^照片\/\d{4}\/\d\d\/\d\d\/[\da-f-]{36}\.png$/);
    expect(application.emulator.objects).toMatchObject([
      { cloudPath: photo.cloudPath, fileIdAlive: true },
    ]);
  });

  it.each([
    ['a bare line feed', 'a\nX-Evil: 1.png'],
    ['a bare carriage return', 'a\rb.png'],
    ['nothing but dots', '..'],
    ['nothing but a separator', '/'],
  ])('is harmless with %s', async (_, sent) => {
    const { status, photo } = await send('/generated', sent);

    expect(['201', '400']).toContain(status);
    expect(application.emulator.objects.map(({ cloudPath }) => cloudPath)).toEqual(
      [photo.cloudPath].filter(path => path !== undefined),
    );
  });

  it.each([
    ['Chinese', '猫的照片.png'],
    ['characters of four bytes', '😀𠮷.png'],
    ['a quote', 'a%22b.png'],
    ['a semicolon', 'a; name=key.png'],
    ['a line break', 'a%0D%0Ab.png'],
    ['a tab', 'a\tb.png'],
  ])('may be part of a path with %s, and the file is found', async (_, sent) => {
    const { status, photo } = await send('/by-name', sent);

    expect(status).toBe('201');
    expect(photo.cloudPath).toBe(`names/${photo.originalname}`);
    const stored = await application.emulator.readObject(String(photo.cloudPath));
    expect(stored.equals(PNG)).toBe(true);
  });

  it.each([
    ['${filename}', 'a${filename}.png'],
    ['too many characters', `${'长'.repeat(300)}.png`],
  ])('is rejected as part of a path with %s', async (_, sent) => {
    const { status, photo } = await send('/by-name', sent);

    expect({ status, errorCode: photo.errorCode }).toEqual({
      status: '400',
      errorCode: 'WX_CLOUD_PATH_INVALID',
    });
    await expectNothingLeft(application);
  });
});

import { Body, Controller, Post, UseInterceptors } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { WxCloudFileInterceptor } from '../../lib/index.js';
import { ADAPTERS } from '../support/adapters.js';
import { PNG, type FormPart } from '../support/forms.js';
import {
  expectNothingLeft,
  startEdgeApplication,
  type EdgeApplication,
} from '../e2e/http/support/edge-application.js';

@Controller()
class NotesController {
  @Post('default')
  @UseInterceptors(WxCloudFileInterceptor('photo'))
  byDefault(@Body() body: object) {
    return { fields: Object.keys(body).length };
  }

  @Post('small')
  @UseInterceptors(WxCloudFileInterceptor('photo', { limits: { textBytes: 20 } }))
  small(@Body() body: object) {
    return { fields: Object.keys(body).length };
  }
}

const PHOTO: FormPart = { field: 'photo', file: PNG };
const MEBIBYTE_OF_TWO_BYTE_CHARACTERS = 'é'.repeat(524_288);

describe.each(ADAPTERS)('limits.textBytes on $name', adapter => {
  let application: EdgeApplication;
  beforeAll(async () => {
    application = await startEdgeApplication({ adapter, controllers: [NotesController] });
  });
  afterEach(() => application.emulator.reset());
  afterAll(() => application.close());

  const texts = (count: number, text: string): FormPart[] =>
    Array.from({ length: count }, (_, index) => ({ field: `t${index}`, text }));

  it('includes the names of fields', async () => {
    const parts = [...texts(2, 'a'.repeat(8)), PHOTO];
    expect(await application.post('small', parts)).toMatchObject({
      status: 201,
      body: { fields: 2 },
    });
  });

  it.each<[string, string, readonly FormPart[], RegExp]>([
    ['one byte more', 'small', texts(3, 'a'.repeat(5)), /20 bytes .*\(limits\.textBytes\)/],
    [
      'many fields of a mebibyte',
      'default',
      texts(6, MEBIBYTE_OF_TWO_BYTE_CHARACTERS),
      /2097152 bytes .*\(limits\.textBytes\)/,
    ],
    ['257 fields', 'default', texts(257, 'a'), /256 .*\(limits\.fields\)/],
  ])('rejects %s with 400, naming the limit and its value', async (_, path, parts, says) => {
    expect(await application.post(path, [PHOTO, ...parts])).toMatchObject({
      status: 400,
      body: { errorCode: 'WX_CLOUD_FORM_INVALID', message: expect.stringMatching(says) },
    });
    await expectNothingLeft(application);
  });

  it('leaves room for 256 fields by default', async () => {
    expect(await application.post('default', [...texts(256, 'a'), PHOTO])).toMatchObject({
      status: 201,
      body: { fields: 256 },
    });
  });
});

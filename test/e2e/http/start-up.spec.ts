import { Controller, Post, UseInterceptors } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import { WxCloudFileInterceptor, WxCloudStorageModule, wxCloudUpload } from '../../../lib/index.js';
import { startWxCloudEmulator } from '../../../lib/emulator/index.js';
import { startApplication } from '../../support/application.js';
import { PNG, postForm } from '../../support/forms.js';

@Controller()
class ArchiveController {
  @Post()
  @UseInterceptors(WxCloudFileInterceptor('photo', { storage: 'archive' }))
  create() {
    return { stored: true };
  }
}

describe('an interceptor for a named instance', () => {
  it('stops the start-up when there is no such instance', async () => {
    await expect(startApplication({ controllers: [ArchiveController] })).rejects.toMatchObject({
      code: 'WX_CLOUD_OPTIONS_INVALID',
      option: 'storage',
      message: expect.stringContaining('"archive"'),
    });
  });

  it('stores with that instance', async () => {
    const archive = await startWxCloudEmulator({ env: 'archive-env' });
    const application = await startApplication({
      controllers: [ArchiveController],
      imports: [WxCloudStorageModule.forRoot({ ...archive.options, name: 'archive' })],
    });

    expect(await postForm(application.url, [{ field: 'photo', file: PNG }])).toMatchObject({
      status: 201,
    });
    expect(archive.objects).toHaveLength(1);
    expect(application.emulator.objects).toEqual([]);

    await application.close();
    await archive.close();
  });
});

describe('two instances of the same name', () => {
  it('stop the start-up', async () => {
    const emulator = await startWxCloudEmulator();
    await expect(
      startApplication({ imports: [WxCloudStorageModule.forRoot(emulator.options)] }),
    ).rejects.toMatchObject({ option: 'name' });
    await emulator.close();
  });
});

describe('a prefix that no path may have', () => {
  it.each(['/photos/', '../photos/', 'a//b/', 'a\nb/'])('stops the start-up: %j', async path => {
    @Controller()
    class PrefixController {
      @Post()
      @UseInterceptors(WxCloudFileInterceptor('photo', { path }))
      create() {
        return {};
      }
    }
    await expect(startApplication({ controllers: [PrefixController] })).rejects.toMatchObject({
      code: 'WX_CLOUD_OPTIONS_INVALID',
      option: 'path',
    });
    expect(() => wxCloudUpload({ path })).toThrow(expect.objectContaining({ option: 'path' }));
  });
});

describe('forRootAsync', () => {
  it('says what it wants when it is given nothing', () => {
    expect(() => WxCloudStorageModule.forRootAsync({})).toThrow(
      expect.objectContaining({ option: 'useFactory' }),
    );
  });
});

import { Controller, Post, UseInterceptors } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import { FileId, WxCloudFileInterceptor } from '../../lib/index.js';
import { startApplication } from '../support/application.js';
import { pngOfSize, postForm } from '../support/forms.js';

@Controller('photos')
class PhotosController {
  @Post()
  @UseInterceptors(WxCloudFileInterceptor('photo', { contentTypes: ['image/*'] }))
  create(@FileId() fileId: string) {
    return { fileId };
  }
}

describe('a cold start', () => {
  it('fetches one token for 500 uploads at once', async () => {
    const { emulator, url, close } = await startApplication({ controllers: [PhotosController] });
    const file = pngOfSize(5_000);

    const responses = await Promise.all(
      Array.from({ length: 500 }, () => postForm(`${url}/photos`, [{ field: 'photo', file }])),
    );

    expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([201]));
    expect(new Set(responses.map(({ body }) => body['fileId'])).size).toBe(500);
    expect(emulator.objects).toHaveLength(500);
    expect(emulator.journal.filter(({ operation }) => operation.endsWith('token'))).toMatchObject([
      { operation: 'stable-token' },
    ]);
    await close();
  });
});

import { Controller, Post, UploadedFile, UseInterceptors } from '@nestjs/common';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { ChunkQueue } from '../../../lib/body/chunk-queue.js';
import { WxCloudFileInterceptor, type WxCloudUploadedFile } from '../../../lib/index.js';
import { EXPRESS } from '../../support/adapters.js';
import { afterThisTest } from '../../support/after-test.js';
import { startApplication, type TestApplication } from '../../support/application.js';
import { pngOfSize } from '../../support/forms.js';
import { KEPT, PART_BYTES, type Way, WAYS } from '../../support/ways.js';
import { encodeForm, openRequest } from './support/raw-request.js';

const FORM = encodeForm([
  { field: 'photo', content: pngOfSize(3 * PART_BYTES), fileName: 'a.png' },
]);

@Controller()
class PhotosController {
  @Post('photos')
  @UseInterceptors(WxCloudFileInterceptor('photo', { path: 'photos/' }))
  create(@UploadedFile() { size }: WxCloudUploadedFile) {
    return { size };
  }
}

/** By links, by way of the disk. */
const ON_DISK: Way = {
  ...KEPT,
  name: 'links and the disk',
  options: () => ({ upload: { sendAhead: false, memoryLimitBytes: PART_BYTES } }),
};

async function start({ options }: Way): Promise<TestApplication> {
  const application = await startApplication({
    adapter: EXPRESS,
    controllers: [PhotosController],
    options,
  });
  afterThisTest(() => application.close());
  return application;
}

/** Loses a chunk of a file behind the parser. */
function loseChunk(): void {
  const read = ChunkQueue.prototype.next;
  let reads = 0;
  jest.spyOn(ChunkQueue.prototype, 'next').mockImplementation(async function (this: ChunkQueue) {
    reads += 1;
    await (reads === 4 ? read.call(this) : undefined);
    return read.call(this);
  });
}

describe('a form whose bytes get lost on the way', () => {
  afterEach(() => {
    jest.restoreAllMocks();
  });

  it.each([...WAYS, ON_DISK])('is a 500 and leaves nothing with $name', async way => {
    const { url, emulator } = await start(way);
    loseChunk();
    const request = openRequest(url, { path: '/photos', length: FORM.byteLength });
    request.send(FORM);
    const response = await request.response;
    expect(response).toContain(' 500 ');
    expect(response).toContain('The server could not store the file.');
    expect(emulator.objects).toEqual([]);
    await expect(way.countUnfinished(emulator)).resolves.toBe(0);
  });
});

import { Controller, Post, UseInterceptors } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import { WxCloudFileInterceptor } from '../../lib/index.js';
import {
  expectNothingLeft,
  startEdgeApplication,
  type EdgeApplication,
} from '../e2e/http/support/edge-application.js';
import { encodeForm, openRequest } from '../e2e/http/support/raw-request.js';
import { EXPRESS } from '../support/adapters.js';
import { afterThisTest } from '../support/after-test.js';
import { FAST_RETRY } from '../support/application.js';
import { pngOfSize } from '../support/forms.js';
import { stallUploads } from '../support/stalled-requests.js';
import { until } from '../support/until.js';
import { BUCKET, KEPT, SENT_AHEAD, type Way } from '../support/ways.js';

const MIB = 1_048_576;
/** More than the buffers of two sockets hold. */
const FORM = encodeForm([{ field: 'photo', content: pngOfSize(24 * MIB), fileName: 'a.png' }]);

@Controller()
class PhotosController {
  @Post('photos')
  @UseInterceptors(WxCloudFileInterceptor('photo'))
  create() {
    return { stored: true };
  }
}

function bucketWith(partBytes: number): Way {
  return {
    ...BUCKET,
    name: `the option cos with parts of ${partBytes / MIB} MiB`,
    options: emulator => {
      const options = BUCKET.options(emulator);
      return { ...options, cos: { ...options.cos, partBytes } } as typeof options;
    },
  };
}

async function start(way: Way): Promise<EdgeApplication> {
  const application = await startEdgeApplication({
    adapter: EXPRESS,
    way,
    controllers: [PhotosController],
    options: { timeouts: { idleMs: 400 }, retry: { ...FAST_RETRY, attempts: 2 } },
  });
  afterThisTest(() => application.close());
  return application;
}

describe('a storage that stops reading in the middle of an upload', () => {
  it.each([SENT_AHEAD, KEPT, bucketWith(32 * MIB), bucketWith(10 * MIB)])(
    'is a 504 after timeouts.idleMs, and leaves nothing, with $name',
    async way => {
      const application = await start(way);
      const { url, emulator } = application;
      const stalled = stallUploads(emulator.url, 200_000);
      const request = openRequest(url, { path: '/photos', length: FORM.byteLength });
      request.send(FORM);
      await until(() => stalled.length > 0, 'an upload that stalls');
      const response = await request.response;
      expect(response).toContain(' 504 ');
      expect(response).toContain('WX_CLOUD_REQUEST_TIMED_OUT');
      stalled.forEach(upload => upload.readOn());
      await until(() => stalled.every(upload => upload.isClosed()), 'closed connections');
      await expectNothingLeft(application);
    },
  );
});

import { setTimeout as delay } from 'node:timers/promises';
import { Controller, Post, UseInterceptors } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import { WxCloudFileInterceptor } from '../../lib/index.js';
import {
  startEdgeApplication,
  type EdgeApplication,
} from '../e2e/http/support/edge-application.js';
import { encodeForm, openRequest } from '../e2e/http/support/raw-request.js';
import { watchForms } from '../e2e/http/support/watched-forms.js';
import { ADAPTERS, type Adapter } from '../support/adapters.js';
import { afterThisTest } from '../support/after-test.js';
import { pngOfSize } from '../support/forms.js';
import { until } from '../support/until.js';

const BYTES = 2_000_000;
const FORM = encodeForm([{ field: 'photo', content: pngOfSize(BYTES), fileName: 'a.png' }]);

@Controller()
class PhotosController {
  @Post('photos')
  @UseInterceptors(WxCloudFileInterceptor('photo'))
  create() {
    return { stored: true };
  }
}

async function start(adapter: Adapter): Promise<EdgeApplication> {
  const application = await startEdgeApplication({ adapter, controllers: [PhotosController] });
  afterThisTest(() => application.close());
  return application;
}

describe.each(ADAPTERS)('upload.sendAhead on $name', adapter => {
  it('gives up the connection of a client below 64 KiB/s, and stores its file later', async () => {
    const application = await start(adapter);
    const forms = watchForms(application.emulator.url);
    const request = openRequest(application.url, { path: '/photos', length: FORM.byteLength });
    request.send(FORM.subarray(0, 100_000));
    await until(() => forms.length === 1, 'the form');
    let sentBytes = 100_000;
    const drip = setInterval(() => {
      request.send(FORM.subarray(sentBytes, sentBytes + 4_000));
      sentBytes += 4_000;
    }, 100);
    afterThisTest(() => clearInterval(drip));
    await until(() => forms[0]?.isCut() === true, 'the end of the form');
    clearInterval(drip);
    expect(sentBytes).toBeLessThan(BYTES);
    request.send(FORM.subarray(sentBytes));

    expect(await request.response).toMatch(/^HTTP\/1\.1 201 /);
    expect(application.emulator.objects).toMatchObject([{ size: BYTES }]);
    expect(forms).toHaveLength(2);
  });

  it('keeps sending for a client above 64 KiB/s', async () => {
    const application = await start(adapter);
    const forms = watchForms(application.emulator.url);
    const request = openRequest(application.url, { path: '/photos', length: FORM.byteLength });
    for (let from = 0; from < FORM.byteLength; from += 30_000) {
      request.send(FORM.subarray(from, from + 30_000));
      await delay(100);
    }

    expect(await request.response).toMatch(/^HTTP\/1\.1 201 /);
    expect(forms).toHaveLength(1);
  });
});

import { Controller, Get, Header, Query, Req, Res } from '@nestjs/common';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Browser } from 'playwright-core';
import {
  WxCloudStorageService,
  type WxCloudServedResponse,
  type WxCloudServedRequest,
} from '../../lib/index.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { launchBrowser } from '../support/browser.js';
import { describeWithChromium as describe } from '../support/describe-with.js';
import { storeWithField } from '../support/direct-upload.js';

const TYPES = [
  'image/png;,text/html',
  'image/png,text/html',
  'text/html',
  'application/xhtml+xml',
  'text/plain',
  'image/png',
  'video/x+xml',
  'text/plain; charset=utf-7',
];

/** Reports itself to the application when a browser runs it in the application's origin. */
const makePage = (name: string): string =>
  `<!doctype html><title>${name}</title><script>fetch('/ran?name=' + document.title)</script>`;

const ran: string[] = [];

@Controller()
class ServingController {
  constructor(private readonly storage: WxCloudStorageService) {}

  @Get('serve')
  async serve(
    @Query() { fileId = '', show }: Record<string, string>,
    @Req() request: WxCloudServedRequest,
    @Res() response: WxCloudServedResponse,
  ) {
    const disposition = show === undefined ? undefined : 'inline';
    await this.storage.serve(fileId, { request, response, disposition });
  }

  @Get('streamable')
  streamable(@Query('fileId') fileId: string) {
    return this.storage.serve(fileId, { disposition: 'inline' });
  }

  @Get('ran')
  report(@Query('name') name: string) {
    ran.push(name);
  }

  @Get('frames')
  @Header('content-type', 'text/html')
  frames(@Query('paths') paths: string) {
    const frames = paths.split(' ').map(path => `<iframe src="${path}"></iframe>`);
    return `<!doctype html>${frames.join('')}`;
  }

  @Get('unprotected')
  @Header('content-type', 'text/html')
  unprotected() {
    return makePage('unprotected');
  }
}

describe('a stored page of a stranger in a browser', () => {
  let application: TestApplication;
  let browser: Browser;
  beforeAll(async () => {
    application = await startApplication({ controllers: [ServingController] });
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await application.close();
  });

  it('never runs, whatever it is stored as', async () => {
    const ways = ['/serve?', '/serve?show=1&', '/streamable?'];
    const stored = await Promise.all(
      TYPES.map(type =>
        storeWithField(application.storage, {
          body: makePage(type),
          fields: { 'Content-Type': type },
        }),
      ),
    );
    const served = stored.flatMap(({ fileId }) =>
      ways.map(way => way + new URLSearchParams({ fileId }).toString()),
    );
    const page = await browser.newPage();
    // In frames, as a download would end the page's own loading. The last one shows that a script
    // would be seen.
    const query = new URLSearchParams({ paths: [...served, '/unprotected'].join(' ') });
    await page.goto(`${application.url}/frames?${query}`, { waitUntil: 'networkidle' });
    expect(ran).toEqual(['unprotected']);
  });
});

import { randomBytes, randomUUID } from 'node:crypto';
import { Controller, Param, Post, Sse, UseInterceptors } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  OptionsInvalidError,
  WxCloudAnyFilesInterceptor,
  wxCloudUpload,
  WxCloudUploadProgress,
  type WxCloudUploadProgressEvent,
} from '../../../lib/index.js';
import { ADAPTERS, type Adapter } from '../../support/adapters.js';
import { makeForm, type FormPart } from '../../support/forms.js';
import { until } from '../../support/until.js';
import { startEdgeApplication, type EdgeApplication } from './support/edge-application.js';

const large = randomBytes(1_000_000);

function controllerFor({ FileInterceptor }: Adapter) {
  @Controller()
  class WatchedController {
    constructor(private readonly progress: WxCloudUploadProgress) {}

    @Sse('progress/:id')
    follow(@Param('id') id: string) {
      return this.progress.watch(id);
    }

    @Post('header')
    @UseInterceptors(WxCloudAnyFilesInterceptor({ progressId: { header: 'X-Upload-Id' } }))
    byHeader() {
      return { ok: true };
    }

    @Post('field')
    @UseInterceptors(WxCloudAnyFilesInterceptor({ progressId: { field: 'uploadId' } }))
    byField() {
      return { ok: true };
    }

    @Post('engine')
    @UseInterceptors(
      FileInterceptor('photo', {
        storage: wxCloudUpload({ progressId: { header: 'x-upload-id' } }),
      }),
    )
    engine() {
      return { ok: true };
    }

    @Post('fails')
    @UseInterceptors(WxCloudAnyFilesInterceptor({ progressId: { header: 'x-upload-id' } }))
    fails(): never {
      throw new Error('the handler failed');
    }
  }
  return WatchedController;
}

/** The events of a server-sent stream as they arrive; closing the stream ends them. */
async function watch(url: string, id: string) {
  const controller = new AbortController();
  const response = await fetch(`${url}/progress/${id}`, { signal: controller.signal });
  const events: WxCloudUploadProgressEvent[] = [];
  const read = async (): Promise<void> => {
    let text = '';
    for await (const chunk of response.body ?? [])
      text = collect(text + Buffer.from(chunk).toString(), events);
  };
  const ended = read().catch(() => {});
  const stop = async (): Promise<void> => {
    controller.abort();
    await ended;
  };
  return { status: response.status, events, ended, stop };
}

/** Takes complete messages from the text and returns the rest. */
function collect(text: string, events: WxCloudUploadProgressEvent[]): string {
  const messages = text.split('\n\n');
  for (const message of messages.slice(0, -1)) {
    const [, data] = /^data: (.*)$/m.exec(message) ?? [];
    if (data !== undefined) events.push(JSON.parse(data) as WxCloudUploadProgressEvent);
  }
  return messages.at(-1) ?? '';
}

describe.each(ADAPTERS)('the progress of an upload on $name', adapter => {
  let application: EdgeApplication;
  beforeAll(async () => {
    application = await startEdgeApplication({ adapter, controllers: [controllerFor(adapter)] });
  });
  afterEach(() => application.emulator.reset());
  afterAll(() => application.close());

  async function post(path: string, id: string, more: readonly FormPart[] = []) {
    const file = { field: 'photo', file: large, name: 'a.bin' };
    const response = await fetch(`${application.url}/${path}`, {
      method: 'POST',
      headers: { 'x-upload-id': id },
      body: makeForm([...more, file]),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }

  it.each(['header', 'engine'])(
    'reaches the watcher of its ID, sent as a header to %s',
    async path => {
      const id = randomUUID();
      const watched = await watch(application.url, id);
      expect((await post(path, id)).status).toBe(201);
      await watched.ended;
      expect(watched.events[0]).toEqual({
        type: 'progress',
        index: 0,
        fieldname: 'photo',
        transferredBytes: 0,
        totalBytes: large.byteLength,
      });
      expect(watched.events.slice(-2)).toEqual([
        expect.objectContaining({ transferredBytes: large.byteLength }),
        { type: 'end', outcome: 'stored' },
      ]);
    },
  );

  it('reaches the watcher of its ID, sent as a field, for every file', async () => {
    const id = randomUUID();
    const watched = await watch(application.url, id);
    const more = [
      { field: 'uploadId', text: id },
      { field: 'first', file: large, name: 'b.bin' },
    ];
    expect((await post('field', 'unused', more)).status).toBe(201);
    await watched.ended;
    const whole = { transferredBytes: large.byteLength, totalBytes: large.byteLength };
    expect(watched.events).toEqual(
      expect.arrayContaining([
        { type: 'progress', index: 0, fieldname: 'first', ...whole },
        { type: 'progress', index: 1, fieldname: 'photo', ...whole },
      ]),
    );
  });

  it('starts from 0 again when the upload is repeated', async () => {
    application.emulator.faults.add({
      operation: 'post-object',
      effect: { kind: 'cos-error', cosCode: 'SlowDown' },
    });
    const id = randomUUID();
    const watched = await watch(application.url, id);
    expect((await post('header', id)).status).toBe(201);
    await watched.ended;
    expect(watched.events.at(-1)).toEqual({ type: 'end', outcome: 'stored' });
  });

  it('ends as failed when the request fails', async () => {
    const id = randomUUID();
    const watched = await watch(application.url, id);
    expect((await post('fails', id)).status).toBe(500);
    await watched.ended;
    expect(watched.events.at(-1)).toEqual({ type: 'end', outcome: 'failed' });
  });

  it('does not reach the watcher of another ID', async () => {
    const watched = await watch(application.url, randomUUID());
    await post('header', randomUUID());
    await watched.stop();
    expect(watched.events).toEqual([]);
  });

  it('goes on for the other watchers when one leaves', async () => {
    const id = randomUUID();
    const [leaving, staying] = [await watch(application.url, id), await watch(application.url, id)];
    await leaving.stop();
    await post('header', id);
    await staying.ended;
    expect(staying.events.at(-1)).toEqual({ type: 'end', outcome: 'stored' });
  });

  it('is optional', async () => {
    const response = await fetch(`${application.url}/header`, {
      method: 'POST',
      body: makeForm([{ field: 'photo', file: large }]),
    });
    expect(response.status).toBe(201);
    await response.text();
  });

  it.each(['short', 'x'.repeat(65), 'with spaces and more', '../../etc/passwd/....'])(
    'cannot be watched or reported under %j',
    async id => {
      expect(await post('header', id)).toMatchObject({
        status: 400,
        body: {
          errorCode: 'WX_CLOUD_FORM_INVALID',
          message: expect.stringContaining('must have 16 to 64 letters, digits, - and _'),
        },
      });
      const response = await fetch(`${application.url}/progress/${encodeURIComponent(id)}`);
      expect(response.status).toBe(400);
      await response.text();
      await until(() => application.emulator.objects.length === 0, 'an empty storage');
    },
  );
});

it.each([{}, { header: '' }, { header: 'a', field: 'b' }, { query: 'id' }])(
  'the option progressId of %j is rejected',
  progressId => {
    expect(() => wxCloudUpload({ progressId })).toThrow(OptionsInvalidError);
  },
);

import { Controller, RequestMethod, Sse, UseInterceptors, type MessageEvent } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import { ReplaySubject, type Observable } from 'rxjs';
import { WxCloudFileInterceptor, wxCloudUpload } from '../../../lib/index.js';
import { ADAPTERS, type Adapter } from '../../support/adapters.js';
import { until } from '../../support/until.js';
import { FORM, held, useApplication } from './support/held-responses.js';
import { openConnection, openRequest, type RawRequest } from './support/raw-request.js';

/** The events that the handler of the present test emits. */
let events: ReplaySubject<MessageEvent>;

function eventControllers({ FileInterceptor }: Adapter) {
  const post = { method: RequestMethod.POST } as const;

  function routesOf(prefix: string, interceptor: ReturnType<typeof WxCloudFileInterceptor>) {
    @Controller(prefix)
    class EventsController {
      @Sse('events', post)
      @UseInterceptors(interceptor)
      events(): Observable<MessageEvent> {
        return events;
      }

      @Sse('beside')
      beside(): Observable<MessageEvent> {
        return events;
      }
    }
    return EventsController;
  }
  return [
    routesOf('ours', WxCloudFileInterceptor('photo')),
    routesOf('engine', FileInterceptor('photo', { storage: wxCloudUpload() })),
  ];
}

/** Shows what a client receives, which does not close its connection. */
function readEvents(request: RawRequest) {
  events = new ReplaySubject();
  let text = '';
  request.socket.on('data', (data: string) => (text += data));
  return {
    response: request.response,
    leave: () => request.leave(),
    hasFailed: () => text.includes('event: error\n'),
    /** Emits an event, and waits until the client has it. */
    pass: async (data: string): Promise<void> => {
      events.next({ data });
      await until(() => text.includes(`data: ${data}\n`), `the event ${data}`, 10);
    },
  };
}

function upload(path: string): ReturnType<typeof readEvents> {
  const head = { path: `/${path}`, length: FORM.byteLength, connection: 'keep-alive' } as const;
  const request = openRequest(held.application.url, head);
  request.send(FORM);
  return readEvents(request);
}

const remaining = (): number => held.application.emulator.objects.length;

describe.each(ADAPTERS)('events on $name', adapter => {
  useApplication(adapter, eventControllers(adapter));

  it.each(['ours', 'engine'])('arrive one by one, behind an upload: %s', async prefix => {
    const client = upload(`${prefix}/events`);
    events.next({ data: 'of the beginning' });
    await held.ledger.asked;
    held.ledger.answer();

    for (const data of ['one', 'two', 'three']) await client.pass(data);
    expect(held.ledger.events).toEqual(['settled']);
    client.leave();
    await until(() => !events.observed, 'the end of the producer', 10);
    expect(remaining()).toBe(1);
  });

  it.each(['ours', 'engine'])('arrive one by one, beside an upload: %s', async prefix => {
    const request = openConnection(held.application.url);
    request.send(`GET /${prefix}/beside HTTP/1.1\r\nhost: localhost\r\n\r\n`);
    const client = readEvents(request);
    for (const data of ['one', 'two', 'three']) await client.pass(data);
    expect(held.ledger.events).toEqual([]);
    client.leave();
    await until(() => !events.observed, 'the end of the producer', 10);
  });

  it.each(['ours', 'engine'])('end when the files are lost: %s', async prefix => {
    const client = upload(`${prefix}/events`);
    events.next({ data: 'never' });
    await held.ledger.asked;
    held.ledger.answer(true);

    await until(() => !events.observed, 'the end of the producer', 10);
    await until(() => remaining() === 0, 'an empty storage');
    client.leave();
    expect(await client.response).not.toContain('never');
  });

  it('delete the file when they fail', async () => {
    const client = upload('ours/events');
    events.next({ data: 'of the beginning' });
    await held.ledger.asked;
    held.ledger.answer();
    await client.pass('one');
    events.error(new Error('failed after an event'));

    await until(client.hasFailed, 'the event of the error', 10);
    await until(() => remaining() === 0, 'an empty storage');
    client.leave();
    expect(held.ledger.events).toEqual(['settled', 'orphaned']);
  });
});

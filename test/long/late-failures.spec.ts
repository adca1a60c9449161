import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { Controller, Post, Res, UseInterceptors, type INestApplication } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import { WxCloudFileInterceptor, wxCloudUpload } from '../../lib/index.js';
import { ADAPTERS, EXPRESS, type Adapter } from '../support/adapters.js';
import { compress } from '../support/compress.js';
import { BRIDGES, type Bridge } from '../e2e/http/support/bridges.js';
import {
  startEdgeApplication,
  type EdgeApplication,
} from '../e2e/http/support/edge-application.js';
import { FORM } from '../e2e/http/support/held-responses.js';
import { rawOf, type Reply } from '../e2e/http/support/responding-controllers.js';

/** Handlers that throw after they have begun to respond. */
function failingControllers({ FileInterceptor }: Adapter) {
  const ours = WxCloudFileInterceptor('photo');
  const engine = FileInterceptor('photo', { storage: wxCloudUpload() });

  function routesOf(prefix: string, interceptor: typeof ours) {
    @Controller(prefix)
    @UseInterceptors(interceptor)
    class RoutesController {
      @Post('sends')
      sends(@Res() reply: Reply) {
        reply.status(201).send({ stored: true });
        throw new Error('failed after the response');
      }

      @Post('pipes')
      pipes(@Res() reply: Reply) {
        Readable.from(['one,', 'two']).pipe(rawOf(reply));
        throw new Error('failed before the response');
      }

      @Post('begins')
      begins(@Res() reply: Reply) {
        rawOf(reply).write('the beginning');
        throw new Error('failed within the response');
      }
    }
    return RoutesController;
  }
  return [routesOf('ours', ours), routesOf('engine', engine)];
}

let application: EdgeApplication;
const start = async (
  adapter: Adapter,
  configure: (app: INestApplication) => void = () => {},
): Promise<void> => {
  const controllers = failingControllers(adapter);
  application = await startEdgeApplication({ adapter, controllers, configure });
};
afterEach(() => application.close());

/** Sends a form, and resolves with the status of the response. */
type Send = (path: string) => Promise<number>;

const HEADERS = { 'content-type': 'multipart/form-data; boundary=boundary' };

const fetchStatus: Send = async path => {
  const url = `${application.url}/${path}`;
  const response = await fetch(url, {
    method: 'POST',
    headers: HEADERS,
    body: new Uint8Array(FORM),
  });
  await response.text();
  return response.status;
};

const throughBridge =
  ({ send }: Pick<Bridge, 'send'>): Send =>
  async path => {
    const request = { method: 'POST', path: `/${path}`, headers: HEADERS, body: FORM } as const;
    return (await send(application, request)).status;
  };

const SETUPS = [
  ...ADAPTERS.map(adapter => ({ name: adapter.name, adapter, send: fetchStatus })),
  ...BRIDGES.filter(({ name }) => ['inject() of Fastify', 'HTTP/2'].includes(name)).map(bridge => ({
    name: bridge.name,
    adapter: bridge.adapter,
    send: throughBridge(bridge),
  })),
];

/** Waits, by closing, for pending deletions of a request. */
const remaining = async (): Promise<number> => {
  await application.app.close();
  return application.emulator.objects.length;
};

const compressAll = (app: INestApplication): unknown =>
  app.use((_: object, response: ServerResponse, next: () => void) => {
    compress(response);
    next();
  });

describe.each(SETUPS)('a handler that throws, through $name', ({ adapter, send }) => {
  it.each(['ours', 'engine'])(
    'keeps the file of its success that a compression ends later: %s',
    async prefix => {
      await start(adapter, compressAll);
      expect(await send(`${prefix}/sends`)).toBe(201);
      expect(await remaining()).toBe(1);
    },
  );

  it.each(['ours', 'engine'])('keeps the file of a success that has begun: %s', async prefix => {
    await start(adapter);
    expect(await send(`${prefix}/begins`)).toBe(201);
    expect(await remaining()).toBe(1);
  });

  it('sends no success while its file is deleted', async () => {
    await start(adapter);
    expect(await send('ours/pipes')).toBe(500);
    expect(await remaining()).toBe(0);
  });
});

describe.each(SETUPS.filter(setup => setup.adapter !== EXPRESS))(
  'hooks of Fastify, through $name',
  ({ adapter, send }) => {
    const addHook = (app: INestApplication): unknown =>
      app
        .getHttpAdapter()
        .getInstance()
        .addHook('onSend', async () => {
          await setImmediate();
        });

    it('send no success while the file of a handler that throws is deleted', async () => {
      await start(adapter, addHook);
      expect(await send('ours/sends')).toBe(500);
      expect(await remaining()).toBe(0);
    });
  },
);

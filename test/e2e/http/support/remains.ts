import { getEventListeners } from 'node:events';
import { Agent, request } from 'node:http';
import type { Socket } from 'node:net';
import { Controller, HttpException, Post, UseInterceptors } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { WxCloudFileInterceptor, wxCloudUpload } from '../../../../lib/index.js';
import type { Adapter } from '../../../support/adapters.js';
import { PNG, pngOfSize } from '../../../support/forms.js';
import { until } from '../../../support/until.js';
import type { Way } from '../../../support/ways.js';
import {
  expectNothingLeft,
  startEdgeApplication,
  type EdgeApplication,
} from './edge-application.js';
import { encodeForm, openRequest } from './raw-request.js';

function photosController({ FileInterceptor }: Adapter) {
  @Controller()
  class PhotosController {
    @Post('kept')
    @UseInterceptors(WxCloudFileInterceptor('photo'))
    kept() {
      return { kept: true };
    }

    @Post('fails')
    @UseInterceptors(WxCloudFileInterceptor('photo'))
    fails() {
      throw new HttpException('refused', 422);
    }

    @Post('engine')
    @UseInterceptors(
      FileInterceptor('photo', { storage: wxCloudUpload(), limits: { fileSize: 4_194_304 } }),
    )
    engine() {
      throw new HttpException('refused', 422);
    }
  }
  return PhotosController;
}

const encode = (content: Buffer): Buffer =>
  encodeForm([{ field: 'photo', content, fileName: 'a.png' }]);
const SMALL = encode(PNG);
const TEXT = encodeForm([{ field: 'other', content: 'no file' }]);

/** Sends a form over the one connection of an agent. */
async function send(agent: Agent, url: string, form: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = {
      'content-type': 'multipart/form-data; boundary=boundary',
      'content-length': form.byteLength,
    };
    const outgoing = request(url, { agent, method: 'POST', headers }, response => {
      response.resume().once('end', () => resolve(response.statusCode ?? 0));
    });
    outgoing.once('error', reject).end(form);
  });
}

/** The listeners of connections that are open. */
const countListeners = (connections: readonly Socket[]): readonly number[] =>
  connections
    .filter(socket => !socket.destroyed)
    .map(socket => socket.eventNames().flatMap(name => socket.listeners(name)).length);

/** The signals that still have listeners; aborted ones do not count. */
const findHeard = (signals: ReadonlySet<AbortSignal>): readonly AbortSignal[] =>
  [...signals].filter(signal => !signal.aborted && getEventListeners(signal, 'abort').length > 0);

/** Describes what requests leave in a process: no listener, connection, handle or file. */
export function describeRemains(way: Way, adapter: Adapter): void {
  describe(`requests of every kind on ${adapter.name}, by ${way.name}`, () => {
    let application: EdgeApplication;
    const large = encode(pngOfSize(way.largeBytes));
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const connections: Socket[] = [];
    const signals = new Set<AbortSignal>();

    beforeEach(async () => {
      const { addEventListener } = EventTarget.prototype;
      jest.spyOn(EventTarget.prototype, 'addEventListener').mockImplementation(function (
        this: EventTarget,
        ...given
      ) {
        [this]
          .filter(target => target instanceof AbortSignal)
          .forEach(signal => signals.add(signal));
        return addEventListener.apply(this, given);
      });
      application = await startEdgeApplication({
        adapter,
        way,
        controllers: [photosController(adapter)],
      });
      application.app
        .getHttpServer()
        .on('connection', (socket: Socket) => void connections.push(socket));
    });
    afterEach(async () => {
      jest.restoreAllMocks();
      agent.destroy();
      await application.close();
    });

    const round = async (): Promise<number[]> => {
      const statuses: number[] = [];
      for (const [path, form] of [
        ['kept', SMALL],
        ['kept', large],
        ['fails', SMALL],
        ['fails', large],
        ['engine', large],
        ['kept', TEXT],
      ] as const) {
        statuses.push(await send(agent, `${application.url}/${path}`, form));
      }
      return statuses;
    };

    it('leave no listener, no open connection to the cloud and no handle', async () => {
      const handlesBefore = process.getActiveResourcesInfo().toSorted();
      expect(await round()).toEqual([201, 201, 422, 422, 422, 400]);
      const listeners = countListeners(connections);
      expect(listeners).toHaveLength(1);

      for (let count = 0; count < 5; count += 1) await round();
      for (const path of ['/kept', '/fails', '/engine']) {
        const leaving = openRequest(application.url, { path, length: large.byteLength });
        leaving.send(large.subarray(0, way.largeBytes - 150_000));
        await until(async () => (await application.countHeld()) > 0, 'a file that is held');
        leaving.leave();
        await until(async () => (await application.countHeld()) === 0, 'no file that is held');
      }

      expect(countListeners(connections)).toEqual(listeners);
      expect(signals.size).toBeGreaterThan(30);
      expect(findHeard(signals)).toEqual([]);

      await application.emulator.reset();
      await expectNothingLeft(application);
      agent.destroy();
      await application.app.close();
      await until(
        async () => (await application.emulator.openConnections()) === 0,
        'no connection',
      );
      await application.close();
      await until(
        () => process.getActiveResourcesInfo().length <= handlesBefore.length,
        `the handles ${handlesBefore.join()}`,
      );
    });
  });
}

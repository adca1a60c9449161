import {
  Controller,
  Injectable,
  Post,
  UseInterceptors,
  type NestInterceptor,
} from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { concatMap, type Observable } from 'rxjs';
import { WxCloudReplyInterceptor } from '../../../lib/index.js';
import { ADAPTERS } from '../../support/adapters.js';
import { MemoryPendingFileStore } from '../../support/memory-pending-file-store.js';
import { PNG } from '../../support/forms.js';
import { until } from '../../support/until.js';
import { startEdgeApplication, type EdgeApplication } from './support/edge-application.js';

let begin: () => void;
let work: Promise<void>;

/** Records the file of a reply, which takes a while. */
@Injectable()
class SlowRecord implements NestInterceptor {
  intercept(_: unknown, next: { handle(): Observable<unknown> }) {
    return next.handle().pipe(
      concatMap(async reply => {
        begin();
        await work;
        return reply;
      }),
    );
  }
}

@Controller('reports')
class ReportsController {
  @Post()
  @UseInterceptors(SlowRecord, WxCloudReplyInterceptor())
  give() {
    return PNG;
  }
}

describe.each(ADAPTERS)('a stored reply on $name', adapter => {
  let application: EdgeApplication;
  let store: MemoryPendingFileStore;
  let begun: Promise<void>;
  let finish: () => void;

  beforeEach(async () => {
    begun = new Promise(resolve => (begin = resolve));
    work = new Promise(resolve => (finish = resolve));
    store = new MemoryPendingFileStore();
    application = await startEdgeApplication({
      adapter,
      controllers: [ReportsController],
      options: { pending: store },
    });
  });

  afterEach(async () => {
    finish();
    await application.close();
  });

  it('is pending until the interceptors around have ended', async () => {
    const responding = fetch(`${application.url}/reports`, { method: 'POST' });
    await begun;
    expect(store.files).toHaveLength(1);
    finish();

    expect((await responding).status).toBe(201);
    expect(store.files).toEqual([]);
    expect(application.emulator.objects).toHaveLength(1);
  });

  it('is deleted when its client leaves before they have ended', async () => {
    const client = new AbortController();
    const { signal } = client;
    const responding = fetch(`${application.url}/reports`, { method: 'POST', signal });
    await begun;
    client.abort();

    await expect(responding).rejects.toThrow('aborted');
    await until(() => application.emulator.objects.length === 0, 'the removal');
    finish();
    await application.app.close();
    expect(application.emulator.objects).toEqual([]);
    expect(store.files).toEqual([]);
  });
});

import { randomUUID } from 'node:crypto';
import {
  Body,
  Controller,
  Get,
  HttpException,
  Param,
  Post,
  UseInterceptors,
  type Type,
} from '@nestjs/common';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  WxCloudFileInterceptor,
  WxCloudReplyInterceptor,
  wxCloudUpload,
  type WxCloudIncomingFile,
  type WxCloudUploadEngineOptions,
} from '../../lib/index.js';
import { ADAPTERS, type Adapter } from '../support/adapters.js';
import { PNG } from '../support/forms.js';
import { until } from '../support/until.js';
import {
  expectNothingLeft,
  startEdgeApplication,
  type EdgeApplication,
} from '../e2e/http/support/edge-application.js';
import { encodeForm, openRequest } from '../e2e/http/support/raw-request.js';

/** Resolved by a test; handlers with the field `waits` wait for it. */
let finish: () => void;
let working: Promise<void>;
const seen: WxCloudIncomingFile[] = [];

interface Fields {
  readonly fails?: string;
  readonly waits?: string;
}

async function handle({ fails, waits }: Fields = {}): Promise<object> {
  if (waits !== undefined) await working;
  if (fails !== undefined) throw new HttpException('refused', 400);
  return { stored: true };
}

/** One path for all, as for an avatar, or a unique one in one of two ways. */
const PATHS: Readonly<Record<string, WxCloudUploadEngineOptions>> = {
  shared: { path: () => 'avatars/me.png' },
  uuid: {
    path: file => {
      seen.push(file);
      return `own/${file.uuid}.${file.extension}`;
    },
  },
  vouched: { path: () => `vouched/${randomUUID()}.png`, uniquePath: true },
};

function controllersOf({ FileInterceptor }: Adapter): Type[] {
  const routeOf = (route: string, interceptor: Type): Type => {
    @Controller(route)
    class RouteController {
      @Post()
      @UseInterceptors(interceptor)
      take(@Body() fields: Fields) {
        return handle(fields);
      }
    }
    return RouteController;
  };
  return Object.entries(PATHS).flatMap(([name, options]) => [
    routeOf(`ours-${name}`, WxCloudFileInterceptor('photo', options)),
    routeOf(`engine-${name}`, FileInterceptor('photo', { storage: wxCloudUpload(options) })),
  ]);
}

@Controller('replies')
class RepliesController {
  /** Stores a file whose link fails. */
  @Get('shared/:bytes')
  @UseInterceptors(WxCloudReplyInterceptor({ path: () => 'reports/today.txt', url: true }))
  shared(@Param('bytes') bytes: string) {
    return Buffer.from(bytes);
  }

  @Get('uuid/:bytes')
  @UseInterceptors(
    WxCloudReplyInterceptor({ path: ({ uuid }) => `reports/${uuid}/today.txt`, url: true }),
  )
  uuid(@Param('bytes') bytes: string) {
    return Buffer.from(bytes);
  }

  @Get('vouched/:bytes')
  @UseInterceptors(
    WxCloudReplyInterceptor({
      path: () => `reports/${randomUUID()}.txt`,
      uniquePath: true,
      url: true,
    }),
  )
  vouched(@Param('bytes') bytes: string) {
    return Buffer.from(bytes);
  }
}

const field = (name: string) => ({ field: name, text: 'yes' });
const photo = { field: 'photo', file: PNG };

describe.each(ADAPTERS)('files at shared paths on $name', adapter => {
  let application: EdgeApplication;
  beforeAll(async () => {
    application = await startEdgeApplication({
      adapter,
      controllers: [...controllersOf(adapter), RepliesController],
    });
  });
  afterEach(async () => {
    finish?.();
    await application.emulator.reset();
    application.onOrphan.mockClear();
    seen.length = 0;
  });
  afterAll(() => application.close());

  const begin = (): void => {
    working = new Promise(resolve => (finish = resolve));
  };
  const idsAtCloud = () => application.emulator.objects.map(({ fileId }) => fileId);

  describe.each(['ours', 'engine'])('behind %s', route => {
    it('keeps and reports the equal file of an earlier request', async () => {
      expect(await application.post(`${route}-shared`, [photo])).toMatchObject({ status: 201 });
      const fileIds = idsAtCloud();

      const failing = await application.post(`${route}-shared`, [field('fails'), photo]);

      expect(failing).toMatchObject({ status: 400 });
      await until(() => application.onOrphan.mock.calls.length > 0, 'the report');
      expect(application.onOrphan.mock.calls).toEqual([[fileIds]]);
      expect(idsAtCloud()).toEqual(fileIds);
      expect(application.count('delete-files')).toBe(0);
      expect(application.count('download-links')).toBe(0);
    });

    it('keeps the file of the successful one of two equal requests', async () => {
      begin();
      const form = encodeForm([
        { field: 'waits', content: 'yes' },
        { field: 'photo', content: PNG, fileName: 'a.png' },
      ]);
      const first = openRequest(application.url, {
        path: `/${route}-shared`,
        length: form.byteLength,
      });
      first.send(form);
      await until(() => application.emulator.objects.length === 1, 'the first file');
      const second = await application.post(`${route}-shared`, [photo]);
      first.leave();
      await until(() => application.onOrphan.mock.calls.length > 0, 'the report');

      expect(second).toMatchObject({ status: 201 });
      expect(application.emulator.objects).toHaveLength(1);
      expect(application.count('delete-files')).toBe(0);
    });

    it.each(['uuid', 'vouched'])('deletes the file of a unique path: %s', async kind => {
      const failing = await application.post(`${route}-${kind}`, [field('fails'), photo]);

      expect(failing).toMatchObject({ status: 400 });
      await expectNothingLeft(application);
      expect(application.count('post-object')).toBe(1);
      expect(application.count('download-links')).toBe(0);
      expect(application.onOrphan).not.toHaveBeenCalled();
    });

    it('passes each path function a random UUID', async () => {
      await application.post(`${route}-uuid`, [photo]);
      await application.post(`${route}-uuid`, [photo]);

      const uuids = seen.map(({ uuid }) => uuid);
      expect(new Set(uuids).size).toBe(2);
      for (const uuid of uuids) {
        expect(uuid).toMatch(/^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
      }
      expect(idsAtCloud().map(id => id.slice(-40, -4))).toEqual(uuids);
    });
  });

  describe('a reply without a link', () => {
    const failing = async (kind: string): Promise<number> => {
      application.emulator.faults.add({
        operation: 'download-links',
        effect: { kind: 'errcode', errcode: -501005 },
        times: Infinity,
      });
      return (await fetch(`${application.url}/replies/${kind}/same`)).status;
    };

    it('is reported at a path that may be shared', async () => {
      await fetch(`${application.url}/replies/shared/same`);
      const fileIds = idsAtCloud();

      expect(await failing('shared')).toBe(502);

      expect(application.onOrphan.mock.calls).toEqual([[fileIds]]);
      expect(idsAtCloud()).toEqual(fileIds);
    });

    it.each(['uuid', 'vouched'])('is deleted at a unique path: %s', async kind => {
      expect(await failing(kind)).toBe(502);
      expect(application.count('post-object')).toBe(1);
      await expectNothingLeft(application);
      expect(application.onOrphan).not.toHaveBeenCalled();
    });
  });

  it('report a file whose upload may have succeeded at a path that may be shared', async () => {
    await application.post('ours-shared', [photo]);
    application.emulator.faults.add({
      operation: 'post-object',
      effect: { kind: 'reset', at: 'answer' },
      times: Infinity,
    });

    expect(await application.post('ours-shared', [photo])).toMatchObject({ status: 502 });

    expect(application.onOrphan.mock.calls).toEqual([[idsAtCloud()]]);
    expect(application.emulator.objects).toHaveLength(1);
    expect(application.count('delete-files')).toBe(0);
  });
});

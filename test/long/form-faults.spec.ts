import { Controller, HttpException, Post, UploadedFile, UseInterceptors } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import type { WxCloudEmulatorFault } from '../../lib/emulator/index.js';
import { WxCloudFileInterceptor, type WxCloudUploadedFile } from '../../lib/index.js';
import { ADAPTERS } from '../support/adapters.js';
import { type FaultApplication, startFaultApplication } from '../support/fault-application.js';
import {
  ABORT_FAULTS,
  BUCKET_FAULTS,
  DELETION_FAULTS,
  type FaultCase,
  FAULTS,
} from '../support/faults.js';
import { type JsonResponse, PNG, pngOfSize, postForm } from '../support/forms.js';
import { BUCKET, KEPT, SENT_AHEAD, type Way } from '../support/ways.js';

@Controller()
class PhotosController {
  @Post('kept')
  @UseInterceptors(WxCloudFileInterceptor('photo'))
  keep(@UploadedFile() { fileId, contentType }: WxCloudUploadedFile) {
    return { fileId, contentType };
  }

  @Post('refused')
  @UseInterceptors(WxCloudFileInterceptor('photo'))
  refuse() {
    throw new HttpException('refused', 422);
  }
}

/** The operations of an upload by links, and of its removal. */
const BY_LINK = ['stable-token', 'upload-link', 'post-object', 'delete-files'];
const LINK_FAULTS = FAULTS.filter(
  ([, { operation, effect }]) =>
    BY_LINK.includes(operation) &&
    // "No such file" is taken at its word.
    !(effect.kind === 'item' && effect.status === 1),
);

/** Lets uploads in parts fail at their end, so that they are aborted. */
const UNCOMPLETED: WxCloudEmulatorFault = {
  operation: 'complete-multipart-upload',
  effect: { kind: 'cos-error', cosCode: 'InvalidPart', status: 400 },
  times: 2,
};

const TABLES: readonly {
  readonly name: string;
  readonly way: Way;
  readonly faults: readonly FaultCase[];
  /** Faults besides those of the table. */
  readonly besides: readonly WxCloudEmulatorFault[];
}[] = [
  { name: SENT_AHEAD.name, way: SENT_AHEAD, faults: LINK_FAULTS, besides: [] },
  { name: KEPT.name, way: KEPT, faults: LINK_FAULTS, besides: [] },
  { name: BUCKET.name, way: BUCKET, faults: [...BUCKET_FAULTS, ...DELETION_FAULTS], besides: [] },
  {
    name: `${BUCKET.name}, without completion`,
    way: BUCKET,
    faults: ABORT_FAULTS,
    besides: [UNCOMPLETED],
  },
];

describe.each(ADAPTERS)('forms under every fault, on $name', adapter => {
  describe.each(TABLES)('by $name', ({ way, faults, besides }) => {
    const large = pngOfSize(way.largeBytes);
    // Once and for ever, in turns: what follows a fault is the same on both.
    const turn = ADAPTERS.indexOf(adapter);
    const cases = faults.filter((__, index) => Math.floor(index / 2) % 2 === turn);

    it.each(cases)('are stored completely or leave nothing — %s', async (_, fault) => {
      const application = await startFaultApplication({
        way,
        adapter,
        controllers: [PhotosController],
        timeouts: { headersMs: 100, idleMs: 300 },
      });
      const { emulator, url } = application;
      for (const each of besides) emulator.faults.add(each);
      const responses: JsonResponse[] = [];
      const promised = new Map<string, Promised>();

      for (const file of [PNG, large]) {
        emulator.faults.add(fault);
        const kept = await postForm(`${url}/kept`, [{ field: 'photo', file }]);
        expect([201, 502, 503, 504]).toContain(kept.status);
        for (const stored of storedBy(kept)) promised.set(stored.fileId, { ...stored, file });
        emulator.faults.add(fault);
        const refused = await postForm(`${url}/refused`, [{ field: 'photo', file }]);
        expect([422, 502, 503, 504]).toContain(refused.status);
        responses.push(kept, refused);
      }

      for (const each of promised.values()) await expectStored(application, each);
      const present = emulator.objects.map(({ fileId }) => fileId);
      const unknown = present.filter(fileId => !promised.has(fileId));
      expect(unknown.filter(fileId => !application.orphans.includes(fileId))).toEqual([]);
      application.expectNoSecret([], responses);
      await application.expectNoUnfinishedUpload();
      await application.expectNothingHeld();
    });
  });
});

/** A file that a response has promised, and its content. */
interface Promised {
  readonly fileId: string;
  readonly contentType: string;
  readonly file: Buffer;
}

function storedBy({ status, body }: JsonResponse): readonly Omit<Promised, 'file'>[] {
  return status === 201 ? [body as unknown as Omit<Promised, 'file'>] : [];
}

/** Checks that the content of a file has arrived as it was sent. */
async function expectStored(
  { emulator }: FaultApplication,
  { fileId, contentType, file }: Promised,
): Promise<void> {
  const object = emulator.objects.find(each => each.fileId === fileId);
  expect(object).toMatchObject({ fileIdAlive: true, contentType });
  expect(file.equals(await emulator.readObject(String(object?.cloudPath)))).toBe(true);
}

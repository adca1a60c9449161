import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Adapter } from '../../../support/adapters.js';
import { until } from '../../../support/until.js';
import type { Way } from '../../../support/ways.js';
import {
  expectNothingLeft,
  startEdgeApplication,
  type EdgeApplication,
} from './edge-application.js';
import { failingController } from './failing-controller.js';

/** The subject of one run of the table. */
export interface FailedRequests {
  readonly way: Way;
  readonly adapter: Adapter;
  /** The content of the files. */
  readonly photo: Buffer;
}

/** Describes what a failed request leaves: nothing. */
export function describeFailedRequests({ way, adapter, photo }: FailedRequests): void {
  describe(`a failed request on ${adapter.name}, ${photo.byteLength} bytes by ${way.name}`, () => {
    let application: EdgeApplication;
    beforeAll(async () => {
      application = await startEdgeApplication({
        adapter,
        way,
        controllers: [failingController(adapter)],
      });
    });
    afterEach(() => application.emulator.reset());
    afterAll(() => application.close());

    const post = (path: string) => application.post(path, [{ field: 'photo', file: photo }]);
    const delayStoring = (): void =>
      way.storing.forEach(operation =>
        application.emulator.faults.add({ operation, effect: { kind: 'delay', delayMs: 1_500 } }),
      );
    /** Waits for a removal, or for the end of an upload that takes longer than its request. */
    const untilTakenBack = (): Promise<void> =>
      until(
        () =>
          application.emulator.journal.some(
            ({ operation, aborted }) =>
              aborted || operation === way.deleting || operation === 'abort-multipart-upload',
          ),
        'a removal',
      );
    const untilDelayed = (): Promise<void> =>
      until(
        () => application.emulator.journal.some(({ fault }) => fault === 'delay'),
        'the response of the cloud',
      );

    it.each([
      ['the handler throws', 'throws', 500],
      ['the handler rejects', 'rejects', 409],
      ["the handler's observable fails", 'errors', 500],
      ["the handler's observable fails after a value", 'errors-late', 500],
      ['ParseFilePipe rejects the file', 'pipe', 400],
      ['ValidationPipe rejects a text field', 'validation', 400],
    ])('leaves no object at the time of its response when %s', async (_, path, expectedStatus) => {
      const { status } = await post(path);

      expect(status).toBe(expectedStatus);
      expect(application.emulator.objects).toEqual([]);
      expect(application.countStored()).toBe(1);
      await expectNothingLeft(application);
    });

    it.each([
      ['an outer interceptor times out', 'outer-timeout', 500],
      ['an outer interceptor fails afterwards', 'outer-failure', 500],
      ['an outer interceptor responds in place of the handler', 'early-response', 201],
      ['the handler sends an error response itself', 'error-response', 422],
      ["the handler behind Nest's own interceptor throws", 'engine-throws', 500],
      ["a pipe behind Nest's own interceptor rejects", 'engine-pipe', 400],
      ["an interceptor outside Nest's own one times out", 'engine-timeout', 500],
    ])('leaves no object when %s', async (_, path, expectedStatus) => {
      const { status } = await post(path);

      expect(status).toBe(expectedStatus);
      await untilTakenBack();
      await expectNothingLeft(application);
    });

    it('leaves no object when an outer interceptor times out during the upload', async () => {
      delayStoring();

      expect(await post('outer-timeout')).toMatchObject({ status: 500 });

      await untilDelayed();
      await expectNothingLeft(application);
    });

    it('leaves no object when the response is sent before the file is stored', async () => {
      delayStoring();

      expect(await post('early-response')).toMatchObject({
        status: 201,
        body: { early: true },
      });

      await untilDelayed();
      await expectNothingLeft(application);
    });

    it('stores nothing when a guard rejects it', async () => {
      expect(await post('guard')).toMatchObject({ status: 403 });
      expect(application.emulator.journal).toEqual([]);
      await expectNothingLeft(application);
    });

    it('is answered with the status of the error code when the storage fails in the handler', async () => {
      expect(await post('storage-error')).toMatchObject({
        status: 400,
        body: { errorCode: 'WX_CLOUD_FILE_ID_INVALID' },
      });
      await expectNothingLeft(application);
    });

    it('is answered with the error of a path function', async () => {
      expect(await post('path-throws')).toMatchObject({
        status: 428,
        body: { message: 'choose an album first' },
      });
      expect(application.emulator.journal).toEqual([]);
    });

    it('reports its files once, with their IDs, when they cannot be deleted', async () => {
      const { emulator, onOrphan } = application;
      emulator.faults.add(way.undeletable);

      await post('throws');

      const fileIds = emulator.objects.map(({ fileId }) => fileId);
      expect(fileIds).toHaveLength(1);
      expect(onOrphan.mock.calls).toEqual([[fileIds]]);
    });

    it('reports all its files at once when paths are not unique', async () => {
      const { emulator, onOrphan } = application;
      onOrphan.mockClear();

      await application.post('own-paths', [
        { field: 'photo', file: photo, name: 'a.png' },
        { field: 'photo', file: photo, name: 'b.png' },
      ]);

      const fileIds = emulator.objects.map(({ fileId }) => fileId);
      expect(fileIds).toHaveLength(2);
      expect(onOrphan).toHaveBeenCalledTimes(1);
      expect(onOrphan.mock.calls.flat(2).toSorted()).toEqual(fileIds.toSorted());
    });

    it('shows a client neither text of the cloud nor a credential', async () => {
      application.emulator.faults.add({
        operation: way.naming,
        effect: {
          kind: 'errcode',
          errcode: -501007,
          errmsg: 'bad parameter access_token=leaky-token-value',
        },
        times: Infinity,
      });

      expect(await post('throws')).toEqual({
        status: 502,
        body: {
          statusCode: 502,
          error: 'Bad Gateway',
          errorCode: 'WX_CLOUD_API_FAILED',
          message: 'The cloud storage could not complete the request.',
        },
      });
    });
  });
}

import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { importSample } from '../../support/sample-process.js';
import { until } from '../../support/until.js';
import { postWith, useLabServer } from '../../support/image-lab/lab-server.js';
import { makeImage } from '../../support/image-lab/pictures.js';

// Before the lab starts, as its sweeps start with it.
beforeEach(() => {
  jest.useFakeTimers({
    advanceTimers: true,
    // Connections need them as they are.
    doNotFake: ['nextTick', 'setImmediate', 'clearImmediate', 'queueMicrotask', 'Date'],
  });
});

const lab = useLabServer();

afterEach(() => {
  jest.useRealTimers();
  jest.restoreAllMocks();
});

/** The parts of the lab's provider that Nest calls. */
interface Sweeps {
  onApplicationBootstrap(): void;
  beforeApplicationShutdown(): Promise<void>;
}

/** Advances the timers and the clock of the sweeps; the storage's clock goes on as it is. */
async function pass(minutes: number): Promise<void> {
  await jest.advanceTimersByTimeAsync(minutes * 60_000);
}

describe('the files of forms', () => {
  const fileIds = (): readonly string[] => lab.emulator.objects.map(({ fileId }) => fileId);

  it('are deleted once they can be confirmed no more', async () => {
    const posted = await lab.postDirectly(await makeImage('png', 'a.png'));

    await pass(29);
    expect(fileIds()).toEqual([posted.fileId]);
    await pass(2);
    await until(() => fileIds().length === 0, 'an empty cloud');

    const { status, body } = await lab.confirm(posted);
    expect([status, body['errorCode']]).toEqual([404, 'WX_CLOUD_FILE_NOT_FOUND']);
  });

  it.each([
    // Recorded again by the package, beyond the end of the ticket.
    { what: 'of a wrong type', toBad: () => Buffer.from('a text'), minutes: 46 },
    // Recorded again by the lab, beyond the end of the form.
    {
      what: 'that is damaged',
      toBad: (good: Buffer) => good.subarray(0, good.length / 2),
      minutes: 17,
    },
  ])('are deleted when they are posted after a file $what', async ({ toBad, minutes }) => {
    const image = await makeImage('png', 'a.png');
    const form = await lab.openDirectUpload(image);
    await postWith(form, { ...image, buffer: toBad(image.buffer) });
    await lab.confirm({ ...form, name: 'a.png' });
    await until(() => fileIds().length === 0, 'the deletion of the refused file');
    await postWith(form, image);
    expect(fileIds()).toEqual([form.fileId]);

    await pass(minutes);

    await until(() => fileIds().length === 0, 'an empty cloud');
  });

  it('are deleted when they are posted after their image was deleted', async () => {
    const image = await makeImage('png', 'a.png');
    const form = await lab.openDirectUpload(image);
    await postWith(form, image);
    await lab.confirm({ ...form, name: 'a.png' });
    await lab.remove(String(new URLSearchParams({ fileId: form.fileId })));
    await until(() => fileIds().length === 0, 'the deletion of the image');
    await postWith(form, image);
    expect(fileIds()).toEqual([form.fileId]);

    await pass(17);

    await until(() => fileIds().length === 0, 'an empty cloud');
  });

  it('are kept when they were confirmed', async () => {
    const posted = await lab.postDirectly(await makeImage('png', 'a.png'));
    const unconfirmed = await lab.postDirectly(await makeImage('png', 'b.png'));
    await lab.confirm(posted);

    await pass(31);
    await until(() => !fileIds().includes(unconfirmed.fileId), 'a sweep');

    expect(fileIds()).toHaveLength(2);
    expect(fileIds()).toContain(posted.fileId);
  });

  it('are deleted in the next sweep when one has failed', async () => {
    await lab.postDirectly(await makeImage('png', 'a.png'));
    lab.emulator.faults.add({
      operation: 'delete-files',
      effect: { kind: 'item', status: -503002, errmsg: 'no permission' },
    });
    const deletions = () =>
      lab.emulator.journal.filter(({ operation }) => operation === 'delete-files');

    await pass(31);
    await until(() => deletions().length === 1, 'a failed sweep');
    expect(fileIds()).toHaveLength(1);
    await pass(6);

    await until(() => fileIds().length === 0, 'an empty cloud');
  });

  it('are deleted when the lab ends, and no timer remains', async () => {
    const posted = await lab.postDirectly(await makeImage('png', 'a.png'));
    await lab.confirm(await lab.postDirectly(await makeImage('png', 'b.png')));

    await lab.close();
    const calls = lab.emulator.journal.length;
    await pass(31);

    expect(fileIds()).toHaveLength(2);
    expect(fileIds()).not.toContain(posted.fileId);
    expect(lab.emulator.journal).toHaveLength(calls);
  });
});

describe('the sweeps', () => {
  const nothing = { deleted: 0, kept: 0, failed: 0 };

  /** Starts sweeps whose outcomes a test decides on. */
  const startSweeps = async (sweep: () => Promise<typeof nothing>) => {
    const { PendingSweep } = await importSample<{
      PendingSweep: new (...parts: object[]) => Sweeps;
    }>('images/pending-sweep.js');
    const sweeps = new PendingSweep({ sweep }, { makeDue: () => {} }, {});
    sweeps.onApplicationBootstrap();
    return sweeps;
  };

  it('run every minute, one at a time, and the last one after all others', async () => {
    const ends: (() => void)[] = [];
    const sweep = jest.fn(
      async () => new Promise<typeof nothing>(resolve => ends.push(() => resolve(nothing))),
    );
    const sweeps = await startSweeps(sweep);

    await pass(3);
    expect(sweep).toHaveBeenCalledTimes(1);
    ends[0]?.();
    await pass(1);
    expect(sweep).toHaveBeenCalledTimes(2);

    const ending = sweeps.beforeApplicationShutdown();
    await pass(3);
    expect(sweep).toHaveBeenCalledTimes(2);
    ends[1]?.();
    await until(() => ends.length === 3, 'the last sweep');
    ends[2]?.();
    await ending;
    await pass(3);
    expect(sweep).toHaveBeenCalledTimes(3);
  });

  it('go on after a failure, which is logged', async () => {
    const warn = jest.spyOn(Logger.prototype, 'warn').mockReturnValue();
    const sweep = jest
      .fn(async () => nothing)
      .mockRejectedValueOnce(new Error('no connection'))
      .mockResolvedValueOnce({ ...nothing, failed: 2 });
    const sweeps = await startSweeps(sweep);

    await pass(3);
    await sweeps.beforeApplicationShutdown();

    expect(sweep).toHaveBeenCalledTimes(4);
    expect(warn.mock.calls).toEqual([
      ['Pending files could not be swept: Error: no connection'],
      ['2 pending files could not be deleted.'],
    ]);
  });
});

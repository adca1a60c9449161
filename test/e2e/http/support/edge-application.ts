import { mkdtemp, readdir, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Controller, Get, type Type } from '@nestjs/common';
import { expect, jest } from '@jest/globals';
import type { WxCloudStorageOptions } from '../../../../lib/index.js';
import type { WxCloudStorageSecretOptions } from '../../../../lib/options/options.js';
import type { Adapter } from '../../../support/adapters.js';
import {
  startApplication,
  type TestApplication,
  type TestApplicationParts,
} from '../../../support/application.js';
import { PNG, postForm, type JsonResponse, type FormPart } from '../../../support/forms.js';
import { until } from '../../../support/until.js';
import { SENT_AHEAD, type Way } from '../../../support/ways.js';

@Controller('alive')
class AliveController {
  @Get()
  alive() {
    return { alive: true };
  }
}

/** An application that shows everything that a request may leave behind. */
export interface EdgeApplication extends Pick<TestApplication, 'app' | 'emulator' | 'url'> {
  readonly onOrphan: jest.Mock<(fileIds: readonly string[]) => void>;
  readonly post: (path: string, parts?: readonly FormPart[]) => Promise<JsonResponse>;
  /** Counts the requests for an operation that the cloud has handled. */
  readonly count: (operation: string) => number;
  /** Counts the files that the cloud has stored. */
  readonly countStored: () => number;
  /** The way that its files take. */
  readonly way: Way;
  /** Counts the open temporary files, which have no name. */
  readonly countSpoolHandles: () => Promise<number>;
  /** The names of the temporary files that have one. */
  readonly listSpool: () => Promise<string[]>;
  /** Counts what holds files that are not stored yet: temporary files, and uploads in parts. */
  readonly countHeld: () => Promise<number>;
  readonly close: () => Promise<void>;
}

/** The parts of such an application. */
export interface EdgeApplicationParts extends Pick<TestApplicationParts, 'imports' | 'configure'> {
  readonly adapter: Adapter;
  readonly controllers: readonly Type[];
  readonly options?: Partial<WxCloudStorageSecretOptions>;
  /**
   * The way that its files take.
   * @defaultValue the default one
   */
  readonly way?: Way;
}

/** Starts one with its own spool folder and small limits. */
export async function startEdgeApplication(parts: EdgeApplicationParts): Promise<EdgeApplication> {
  const spoolDirectory = await mkdtemp(join(tmpdir(), 'wx-cloud-spool-'));
  const onOrphan = jest.fn<(fileIds: readonly string[]) => void>();
  const { way = SENT_AHEAD, options } = parts;
  const { app, emulator, url, close } = await startApplication({
    ...parts,
    controllers: [...parts.controllers, AliveController],
    options: started => {
      const { upload, ...others } = way.options(started);
      const limits = { spoolDirectory, memoryLimitBytes: 65_536 };
      return {
        timeouts: { idleMs: 60_000 },
        onOrphan,
        ...others,
        ...options,
        upload: { ...limits, ...upload, ...options?.upload },
      } as Partial<WxCloudStorageOptions>;
    },
  });
  const countSpoolHandles = async (): Promise<number> => {
    const handles = await readdir('/proc/self/fd');
    const targets = await Promise.all(
      handles.map(handle => readlink(`/proc/self/fd/${handle}`).catch(() => '')),
    );
    return targets.filter(target => target.startsWith(spoolDirectory)).length;
  };
  return {
    app,
    emulator,
    url,
    way,
    onOrphan,
    countSpoolHandles,
    countHeld: async () => (await countSpoolHandles()) + (await way.countUnfinished(emulator)),
    countStored: () =>
      emulator.journal.filter(
        ({ operation, status }) =>
          way.storing.some(stored => stored === operation) && status >= 200 && status < 300,
      ).length,
    post: (path, form = [{ field: 'photo', file: PNG }]) => postForm(`${url}/${path}`, form),
    count: operation => emulator.journal.filter(entry => entry.operation === operation).length,
    listSpool: () => readdir(spoolDirectory),
    close: async () => {
      await close();
      await rm(spoolDirectory, { recursive: true, force: true });
    },
  };
}

/** Waits until no object or temporary file is left, then checks that the application responds. */
export async function expectNothingLeft(application: EdgeApplication): Promise<void> {
  const { emulator, url, countHeld, listSpool } = application;
  await until(() => emulator.objects.length === 0, 'an empty storage');
  await until(async () => (await countHeld()) === 0, 'no temporary file and no unfinished upload');
  expect(await listSpool()).toEqual([]);
  expect(await (await fetch(`${url}/alive`)).json()).toEqual({ alive: true });
}

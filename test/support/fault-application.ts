import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, expect } from '@jest/globals';
import { Logger, type Type } from '@nestjs/common';
import { FailureLog } from '../../lib/http/http-exception.js';
import type { WxCloudStorageError, WxCloudStorageOptions } from '../../lib/index.js';
import { PERMANENT_KEYS } from '../e2e/emulator/support/cos-signer.js';
import type { Adapter } from './adapters.js';
import { afterThisTest } from './after-test.js';
import { FAST_RETRY, startApplication, type TestApplication } from './application.js';
import { recordSecrets } from './secret-recorder.js';
import { until } from './until.js';
import { listUnfinishedUploads, SENT_AHEAD, type Way } from './ways.js';

/** An application whose cloud fails, with everything that it may leave behind or show. */
export interface FaultApplication extends Pick<TestApplication, 'emulator' | 'storage' | 'url'> {
  /** The file IDs that were reported to `onOrphan`. */
  readonly orphans: readonly string[];
  /**
   * Checks that neither errors nor log lines nor anything else that is shown hold a secret. Errors
   * are written to the log for that.
   */
  expectNoSecret(errors: readonly unknown[], ...shown: readonly unknown[]): void;
  /** Waits until every upload in parts has ended, or a warning names its path. */
  expectNoUnfinishedUpload(): Promise<void>;
  /** Checks that no temporary file, connection or timer is left. The cloud fails no more. */
  expectNothingHeld(): Promise<void>;
}

/** The parts of such an application. */
export interface FaultApplicationParts {
  /**
   * The way that its files take.
   * @defaultValue the default one
   */
  readonly way?: Way;
  readonly adapter?: Adapter;
  readonly controllers?: readonly Type[];
  /** Over short ones, so that exchanges that hang end soon. */
  readonly timeouts?: WxCloudStorageOptions['timeouts'];
}

const TIMEOUTS = { connectMs: 1_000, headersMs: 60, idleMs: 60, totalMs: 2_000 };

/** Counts the timers of this process. */
function countTimers(): number {
  return process.getActiveResourcesInfo().filter(name => name === 'Timeout').length;
}

afterAll(() => Logger.overrideLogger(false));

/** Starts such an application until the end of the test. */
export async function startFaultApplication({
  way = SENT_AHEAD,
  timeouts,
  ...parts
}: FaultApplicationParts = {}): Promise<FaultApplication> {
  const timersBefore = countTimers();
  const spoolDirectory = await mkdtemp(join(tmpdir(), 'wx-cloud-faults-'));
  afterThisTest(() => rm(spoolDirectory, { recursive: true }));
  const recorder = recordSecrets();
  afterThisTest(() => recorder.close());
  const orphans: string[] = [];
  const { emulator, storage, url, close } = await startApplication({
    ...parts,
    emulator: { cos: { keys: [PERMANENT_KEYS] } },
    options: started => {
      const { upload, ...others } = way.options(started);
      return {
        ...others,
        dispatcher: recorder.dispatcher,
        upload: { spoolDirectory, memoryLimitBytes: 50_000, ...upload },
        retry: FAST_RETRY,
        timeouts: { ...TIMEOUTS, ...timeouts },
        onOrphan: fileIds => void orphans.push(...fileIds),
      } as Partial<WxCloudStorageOptions>;
    },
  });
  afterThisTest(close);
  const logged = listenToLogger();
  return {
    emulator,
    storage,
    url,
    orphans,
    expectNoSecret: (errors, ...shown) => {
      const log = new FailureLog(new Logger());
      for (const error of errors) log.write(error as WxCloudStorageError, 502);
      expect(logged.length).toBeGreaterThanOrEqual(2 * errors.length);
      const text = [errors, ...shown, ...logged, JSON.stringify([errors, shown])]
        .map(value => inspect(value, { depth: Infinity, showHidden: true }))
        .join('\n');
      const secrets = [emulator.options.secret, ...recorder.secrets];
      expect(secrets.filter(value => text.includes(value))).toEqual([]);
    },
    expectNoUnfinishedUpload: async () => {
      const isNamed = (path: string): boolean =>
        logged.some(line => line.includes('remain in the bucket') && line.includes(`"${path}"`));
      await until(
        async () => (await listUnfinishedUploads(emulator, PERMANENT_KEYS)).every(isNamed),
        'the end of each upload, or a warning',
      );
    },
    expectNothingHeld: async () => {
      emulator.faults.clear();
      expect(await readdir(spoolDirectory)).toEqual([]);
      await recorder.close();
      await until(async () => (await emulator.openConnections()) === 0, 'no open connection');
      await until(() => countTimers() <= timersBefore, 'no timer left');
    },
  };
}

/** Collects what is logged from now on; the start of an application silences the logger. */
function listenToLogger(): readonly string[] {
  const logged: string[] = [];
  const log = (...parts: unknown[]): void => void logged.push(inspect(parts));
  Logger.overrideLogger({ log, error: log, warn: log, debug: log, verbose: log, fatal: log });
  return logged;
}

/** The outcome of a call. */
export type Settled<T> = { readonly value: T } | { readonly error: unknown };

/** Waits for the outcome of a call; never rejects. */
export const settle = <T>(call: Promise<T>): Promise<Settled<T>> =>
  call.then(
    value => ({ value }),
    (error: unknown) => ({ error }),
  );

/** The errors among outcomes. */
export const errorsOf = (...results: readonly Settled<unknown>[]): unknown[] =>
  results.flatMap(result => ('error' in result ? [result.error] : []));

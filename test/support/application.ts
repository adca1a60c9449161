import 'reflect-metadata';
import { Module, type DynamicModule, type INestApplication, type Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  startWxCloudEmulator,
  type WxCloudEmulator,
  type WxCloudEmulatorOptions,
} from '../../lib/emulator/index.js';
import {
  WxCloudStorageModule,
  WxCloudStorageService,
  type WxCloudStorageOptions,
} from '../../lib/index.js';
import { EXPRESS, type Adapter } from './adapters.js';

/** An application on a free loopback port, with the emulator as its cloud. */
export interface TestApplication {
  readonly app: INestApplication;
  readonly url: string;
  readonly emulator: WxCloudEmulator;
  readonly storage: WxCloudStorageService;
  close(): Promise<void>;
}

/** The parts of a test application. */
export interface TestApplicationParts {
  readonly controllers?: readonly Type[];
  readonly imports?: readonly (Type | DynamicModule)[];
  readonly providers?: readonly Type[];
  /** Over the emulator's own options; as a function, with the emulator's addresses. */
  readonly options?:
    | Partial<WxCloudStorageOptions>
    | ((emulator: WxCloudEmulator) => Partial<WxCloudStorageOptions>);
  /** Options of the emulator. */
  readonly emulator?: WxCloudEmulatorOptions;
  /**
   * The HTTP adapter.
   * @defaultValue Express
   */
  readonly adapter?: Adapter;
  /** Set up before the application listens. */
  readonly configure?: (app: INestApplication) => void;
}

/** Retries at once, so that tests with faults do not wait. */
export const FAST_RETRY = { attempts: 3, minDelayMs: 0, maxDelayMs: 0 } as const;

/** Starts the emulator and an application that uses it. */
export async function startApplication(parts: TestApplicationParts = {}): Promise<TestApplication> {
  const emulator = await startWxCloudEmulator(parts.emulator);
  const more = typeof parts.options === 'function' ? parts.options(emulator) : parts.options;
  const given = { ...emulator.options, retry: FAST_RETRY, ...more };
  const options = given as WxCloudStorageOptions;

  @Module({
    imports: [
      WxCloudStorageModule.forRoot({ ...options, isGlobal: true }),
      ...(parts.imports ?? []),
    ],
    controllers: [...(parts.controllers ?? [])],
    providers: [...(parts.providers ?? [])],
  })
  class ApplicationModule {}

  try {
    return await startWith(emulator, ApplicationModule, parts);
  } catch (error) {
    await emulator.close();
    throw error;
  }
}

async function startWith(
  emulator: WxCloudEmulator,
  module: Type,
  parts: TestApplicationParts,
): Promise<TestApplication> {
  const testing = await Test.createTestingModule({ imports: [module] }).compile();
  const { adapter = EXPRESS } = parts;
  const app = testing.createNestApplication(adapter.create(), { logger: false });
  parts.configure?.(app);
  await app.listen(0, '127.0.0.1');
  return {
    app,
    url: await app.getUrl(),
    emulator,
    storage: app.get(WxCloudStorageService, { strict: false }),
    close: async () => {
      await app.close();
      await emulator.close();
    },
  };
}

import { Test } from '@nestjs/testing';
import {
  WxAccessTokenProvider,
  WxCloudStorageModule,
  WxCloudStorageService,
  type WxCloudStorageOptions,
} from '../../lib/index.js';
import { afterThisTest } from './after-test.js';
import { FAST_RETRY } from './application.js';
import { startScriptedCloud, type CloudScript, type ScriptedCloud } from './scripted-cloud.js';

/** The module's services, without an HTTP server. */
export interface TestStorage {
  readonly storage: WxCloudStorageService;
  readonly tokens: WxAccessTokenProvider;
  close(): Promise<void>;
}

/** Starts the module until the end of the test. */
export async function startStorage(options: Partial<WxCloudStorageOptions>): Promise<TestStorage> {
  const given = { retry: FAST_RETRY, ...options } as WxCloudStorageOptions;
  const app = await Test.createTestingModule({
    imports: [WxCloudStorageModule.forRoot(given)],
  }).compile();
  const close = (): Promise<void> => app.close();
  afterThisTest(close);
  return { storage: app.get(WxCloudStorageService), tokens: app.get(WxAccessTokenProvider), close };
}

/** Starts the module and a scripted cloud for it until the end of the test. */
export async function startScriptedStorage(
  script: CloudScript,
  options: Partial<WxCloudStorageOptions> = {},
): Promise<TestStorage & { readonly cloud: ScriptedCloud }> {
  const cloud = await startScriptedCloud(script);
  afterThisTest(() => cloud.close());
  const all = { ...cloud.options, ...options } as WxCloudStorageOptions;
  return { cloud, ...(await startStorage(all)) };
}

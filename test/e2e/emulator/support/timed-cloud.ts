import { EmulatorServers } from '../../../../lib/emulator/server/http-servers.js';
import { EmulatedCloud } from '../../../../lib/emulator/state/emulated-cloud.js';
import { resolveEmulatorOptions } from '../../../../lib/emulator/state/emulator-options.js';
import { MemoryStore } from '../../../../lib/emulator/state/memory-store.js';

/** An emulator with a clock that the test advances. */
export interface TimedCloud {
  readonly url: string;
  readonly sidecarUrl: string;
  readonly options: { env: string; appid: string; secret: string; apiBaseUrl: string };
  /** Advances the clock by seconds. */
  pass(seconds: number): void;
  issueCloudbaseToken(): string;
  expireTokens(): void;
  close(): Promise<void>;
}

/** Starts one with the default token life of 7200 seconds. */
export async function startTimedCloud(): Promise<TimedCloud> {
  let nowMs = Date.UTC(2026, 0, 1);
  const options = resolveEmulatorOptions();
  const cloud = new EmulatedCloud(options, new MemoryStore(), { now: () => nowMs });
  const servers = new EmulatorServers(cloud);
  const { url, sidecarUrl } = await servers.listen(0);
  cloud.url = url;
  const { env, appid, secret } = options;
  return {
    url,
    sidecarUrl,
    options: { env, appid, secret, apiBaseUrl: url },
    pass: seconds => {
      nowMs += seconds * 1_000;
    },
    issueCloudbaseToken: () => cloud.tokens.issueCloudbase(),
    expireTokens: () => cloud.tokens.expireAll(),
    close: () => servers.close(),
  };
}

import { EmulatedCloud } from '../../../../lib/emulator/emulated-cloud.js';
import { resolveEmulatorOptions } from '../../../../lib/emulator/emulator-options.js';
import { HttpFront } from '../../../../lib/emulator/http-front.js';
import { MemoryStore } from '../../../../lib/emulator/memory-store.js';

/** An emulator whose time stands still until it is moved on. */
export interface TimedCloud {
  readonly url: string;
  readonly options: { env: string; appid: string; secret: string; apiBaseUrl: string };
  /** Lets seconds pass. */
  pass(seconds: number): void;
  close(): Promise<void>;
}

/** Starts one, with its tokens living for the default 7200 seconds. */
export async function startTimedCloud(): Promise<TimedCloud> {
  let nowMs = Date.UTC(2026, 0, 1);
  const options = resolveEmulatorOptions();
  const cloud = new EmulatedCloud({
    options,
    store: new MemoryStore(),
    clock: { now: () => nowMs },
  });
  const front = new HttpFront(cloud);
  cloud.url = await front.listen(0);
  const { env, appid, secret } = options;
  return {
    url: cloud.url,
    options: { env, appid, secret, apiBaseUrl: cloud.url },
    pass: seconds => {
      nowMs += seconds * 1_000;
    },
    close: () => front.close(),
  };
}

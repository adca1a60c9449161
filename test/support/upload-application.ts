import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { WxCloudEmulator } from '../../lib/emulator/index.js';

/** An application in a process of its own, built from `dist`. */
export interface UploadApplication {
  readonly url: string;
  /** All that the process has written to its standard error output. */
  readErrorOutput(): string;
  close(): Promise<void>;
}

/** Starts the application of `programs/upload-application.mjs` with the emulator as its cloud. */
export async function startUploadApplication(
  emulator: WxCloudEmulator,
): Promise<UploadApplication> {
  const program = 'test/support/programs/upload-application.mjs';
  const child = fork(program, [JSON.stringify(emulator.options)], { silent: true, execArgv: [] });
  let errorOutput = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (errorOutput += text));
  const [message] = (await once(child, 'message')) as [{ url: string }];
  return {
    url: message.url,
    readErrorOutput: () => errorOutput,
    close: async () => {
      child.disconnect();
      await once(child, 'exit');
    },
  };
}

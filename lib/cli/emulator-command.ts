import { startWxCloudEmulator, type WxCloudEmulator } from '../emulator/index.js';
import { type EmulatorArguments, UsageError } from './command-line.js';
import { describeEmulator, formatRequest } from './emulator-lines.js';
import type { Terminal } from './terminal.js';

/**
 * Runs an emulator until the user ends it.
 * @throws {@link UsageError} for an option that the emulator refuses
 * @throws {Error} with one line for the user when it cannot be started
 */
export async function runEmulator(given: EmulatorArguments, terminal: Terminal): Promise<void> {
  const emulator = await start(given, terminal);
  for (const line of describeEmulator(emulator, given.dataDir)) terminal.print(line);
  await terminal.untilEnd();
  await emulator.close();
}

async function start(given: EmulatorArguments, terminal: Terminal): Promise<WxCloudEmulator> {
  try {
    return await startWxCloudEmulator({
      ...given,
      onRequest: entry => terminal.print(formatRequest(entry)),
    });
  } catch (error) {
    const { message, cause } = error as Error;
    if (error instanceof TypeError) throw new UsageError(spellOption(message));
    if ((cause as NodeJS.ErrnoException | undefined)?.code === 'EADDRINUSE') {
      const remedy = 'Choose another one with --port, or 0 for a free one.';
      throw new Error(`Port ${given.port} of 127.0.0.1 is taken. ${remedy}`, { cause: error });
    }
    throw new Error(spellOption(message), { cause: error });
  }
}

/** The emulator names an option as programs spell it: `dataDir` for `--data-dir`. */
function spellOption(message: string): string {
  return message.replace(/^startWxCloudEmulator: /, '').replace(/^[a-z][A-Za-z]*(?=[ [])/, name => {
    const words = name.replaceAll(/[A-Z]/g, letter => `-${letter.toLowerCase()}`);
    return `--${words}`;
  });
}

import { type Command, readCommandLine, USAGE, UsageError } from './command-line.js';
import { cleanText, MAX_LINE_CHARACTERS, type Terminal } from './terminal.js';

/**
 * Runs the command of a command line.
 * @returns the exit code: 0, 1 for a failure, 2 for a wrong command line
 */
export async function run(
  words: readonly string[],
  terminal: Terminal,
  readVersion: () => string,
): Promise<number> {
  try {
    return await carryOut(readCommandLine(words), terminal, readVersion);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    terminal.printError(cleanText(message, MAX_LINE_CHARACTERS));
    if (!(error instanceof UsageError)) return 1;
    terminal.printError(USAGE);
    return 2;
  }
}

/**
 * Runs a command. Imports only the modules that it needs: loading Nest takes a second, and the
 * emulator does not use it.
 */
async function carryOut(
  command: Command,
  terminal: Terminal,
  readVersion: () => string,
): Promise<number> {
  switch (command.name) {
    case 'help':
      terminal.print(USAGE);
      return 0;
    case 'version':
      terminal.print(readVersion());
      return 0;
    case 'emulator': {
      const { runEmulator } = await import('./emulator-command.js');
      await runEmulator(command.given, terminal);
      return 0;
    }
    case 'check': {
      const { runCheck } = await import('./check-command.js');
      return runCheck(command.given, terminal);
    }
  }
}

import { readCommandLine, USAGE, UsageError } from './command-line.js';
import { cleanText, MAX_LINE_CHARACTERS, type Terminal } from './terminal.js';

/** The parts of the process that decide what is done. */
interface RunContext {
  /** The words behind the name of the program on the command line. */
  readonly words: readonly string[];
  /** Where output goes. */
  readonly terminal: Terminal;
  /** Reads the version of the package. */
  readonly readVersion: () => string;
}

/**
 * Does what the command line says, and gives the exit code: 0, 1 for a failure, 2 for wrong usage.
 */
export async function run(context: RunContext): Promise<number> {
  const { terminal } = context;
  try {
    return await carryOut(context);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    terminal.complain(cleanText(message, MAX_LINE_CHARACTERS));
    if (!(error instanceof UsageError)) return 1;
    terminal.complain(USAGE);
    return 2;
  }
}

/**
 * Loads what the command needs and no more: the emulator does without Nest, which takes a second.
 */
async function carryOut({ words, terminal, readVersion }: RunContext): Promise<number> {
  const command = readCommandLine(words);
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

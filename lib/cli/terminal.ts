import { constants } from 'node:os';
import type { Writable } from 'node:stream';

/** The maximum length of a line with text from outside. */
export const MAX_LINE_CHARACTERS = 2_000;

/** Control and format characters, bidirectional ones included, and line separators. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/**
 * The limit for unread output. Further lines are dropped, so that a slow reader costs no memory.
 */
const MAX_UNREAD_BYTES = 1_048_576;

/** The time within which signals count as one: npx repeats those that the terminal sends to all. */
const SAME_SIGNAL_MS = 500;

/** The part of `process` that a command uses. */
interface TerminalProcess {
  /** The output for results. */
  readonly stdout: Writable;
  /** The output for errors. */
  readonly stderr: Writable;
  /** Listens for a signal. */
  on(signal: 'SIGINT' | 'SIGTERM', listener: (signal: 'SIGINT' | 'SIGTERM') => void): unknown;
  /** Ends the process at once. */
  exit(code: number): unknown;
}

/**
 * Makes text from outside safe for a terminal: one line without control characters, truncated to a
 * length.
 */
export function cleanText(text: string, maxCharacters: number): string {
  const cut = text.length > maxCharacters ? `${text.slice(0, maxCharacters)}…` : text;
  return cut.replaceAll(UNPRINTABLE, '?').toWellFormed();
}

/** The output of a command, and the signals that end it. */
export class Terminal {
  readonly #process: TerminalProcess;
  readonly #readerGone: Promise<void>;

  /** Creates a terminal that handles the errors of the streams. */
  constructor(process: TerminalProcess) {
    this.#process = process;
    // A reader such as `head` has closed the pipe.
    this.#readerGone = new Promise(resolve => process.stdout.on('error', () => resolve()));
    process.stderr.on('error', () => undefined);
  }

  /** Writes a line. */
  print(line: string): void {
    writeLine(this.#process.stdout, line);
  }

  /** Writes a line to the error output. */
  printError(line: string): void {
    writeLine(this.#process.stderr, line);
  }

  /**
   * Waits for SIGINT, SIGTERM or the end of the output's reader. Handles the signals from then on;
   * before, they end the process.
   */
  async untilEnd(): Promise<void> {
    const signalled = new Promise<void>(resolve => listenForSignals(this.#process, resolve));
    await Promise.race([signalled, this.#readerGone]);
  }
}

function writeLine(stream: Writable, line: string): void {
  if (stream.writable && stream.writableLength < MAX_UNREAD_BYTES) stream.write(`${line}\n`);
}

function listenForSignals(process: TerminalProcess, onFirst: () => void): void {
  let firstAtMs: number | undefined;
  const listener = (signal: 'SIGINT' | 'SIGTERM'): void => {
    const nowMs = performance.now();
    firstAtMs ??= nowMs;
    if (nowMs - firstAtMs > SAME_SIGNAL_MS) process.exit(128 + constants.signals[signal]);
    onFirst();
  };
  process.on('SIGINT', listener);
  process.on('SIGTERM', listener);
}

import { constants } from 'node:os';
import type { Writable } from 'node:stream';

/** The longest line that is printed for a text from elsewhere. */
export const MAX_LINE_CHARACTERS = 2_000;

/** Control and format characters, bidirectional ones included, and line separators. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** Beyond that, lines are left out: a reader that is too slow is not to fill the memory. */
const MAX_UNREAD_BYTES = 1_048_576;

/**
 * Within that, a further signal is the same one: npx passes on what the terminal has sent to all.
 */
const SAME_SIGNAL_MS = 500;

/** The part of `process` that a command uses. */
interface TerminalProcess {
  /** Where results go. */
  readonly stdout: Writable;
  /** Where complaints go. */
  readonly stderr: Writable;
  /** Listens for a signal. */
  on(signal: 'SIGINT' | 'SIGTERM', listener: (signal: 'SIGINT' | 'SIGTERM') => void): unknown;
  /** Ends the process at once. */
  exit(code: number): unknown;
}

/**
 * Makes a text from elsewhere fit for a terminal: one line without control characters, cut at a
 * length.
 */
export function cleanText(text: string, maxCharacters: number): string {
  const cut = text.length > maxCharacters ? `${text.slice(0, maxCharacters)}…` : text;
  return cut.replaceAll(UNPRINTABLE, '?').toWellFormed();
}

/** The output of a command, and the signs that it is to end. */
export class Terminal {
  readonly #process: TerminalProcess;
  readonly #readerGone: Promise<void>;

  /** Takes over the errors of the streams. */
  constructor(process: TerminalProcess) {
    this.#process = process;
    // The reader has gone, as `head` does: nothing is left to write for.
    this.#readerGone = new Promise(resolve => process.stdout.on('error', () => resolve()));
    process.stderr.on('error', () => undefined);
  }

  /** Writes a line. */
  print(line: string): void {
    writeLine(this.#process.stdout, line);
  }

  /** Writes a line to the error output. */
  complain(line: string): void {
    writeLine(this.#process.stderr, line);
  }

  /**
   * Takes over the signals, which end the process by themselves before, and resolves on SIGINT or
   * SIGTERM, or when the output is no longer read.
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

/** A program beside Node that some suites drive. */
export interface Program {
  /** Where it may be. */
  readonly find: () => readonly string[];
  /** The command that installs it on Debian. */
  readonly install: string;
  /** The subject of the suites. */
  readonly subject: string;
}

/** The programs. */
export const PROGRAMS: Readonly<Record<'chromium' | 'redis', Program>>;

/** Whether a program is on this machine. */
export function isInstalled(program: Program): boolean;

/** Whether suites may be skipped whose program is missing. */
export const isSkippingAllowed: boolean;

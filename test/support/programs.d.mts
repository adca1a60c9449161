/** A program beside Node that some suites drive. */
export interface Program {
  /** Possible paths. */
  readonly find: () => readonly string[];
  /** The command that installs it on Debian. */
  readonly install: string;
  /** The subject of the suites. */
  readonly subject: string;
}

/** The programs. */
export const PROGRAMS: Readonly<Record<'chromium' | 'redis', Program>>;

/** Returns whether a program is installed. */
export function isInstalled(program: Program): boolean;

/** True if suites may be skipped whose program is missing. */
export const isSkippingAllowed: boolean;

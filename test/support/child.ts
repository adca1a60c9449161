import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Options of a child process. */
export interface ChildOptions {
  /** Its working folder. */
  readonly cwd: string;
  /** After this many milliseconds it is killed and the call rejects. @defaultValue 60000 */
  readonly timeoutMs?: number;
}

/**
 * Runs a program to its end, without a shell and without the test runner's `NODE_OPTIONS`, and
 * returns its output. A code other than 0 rejects with all of its output in the message.
 */
export async function runToEnd(
  program: string,
  programArguments: readonly string[],
  { cwd, timeoutMs = 60_000 }: ChildOptions,
): Promise<{ readonly stdout: string; readonly stderr: string }> {
  const { NODE_OPTIONS: _ours, NODE_PATH: _path, ...env } = process.env;
  const options = { cwd, env, timeout: timeoutMs, maxBuffer: 64 << 20 };
  return run(program, programArguments, options).catch((error: Error & { stdout?: string }) => {
    // The message of Node has what went to the error output only.
    error.message += `\n${error.stdout ?? ''}`;
    throw error;
  });
}

import type { LoggerService } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  type WxCloudCheckOutcome,
  OptionsInvalidError,
  type WxCloudStorageCheck,
  WxCloudStorageModule,
  WxCloudStorageService,
} from '../index.js';
import type { CheckArguments } from './command-line.js';
import { cleanText, MAX_LINE_CHARACTERS, type Terminal } from './terminal.js';

/** The parts of a check in order, each with the line for its success. */
const PARTS = [
  ['credential', 'WeChat returns an access token'],
  ['environment', 'WeChat returns an upload link for the environment'],
  ['write', 'the bucket stores an object'],
  ['read', 'the bucket returns the object'],
  ['delete', 'the bucket deletes the object'],
] as const satisfies readonly (readonly [keyof WxCloudStorageCheck, string])[];

const TITLES: Readonly<Record<WxCloudCheckOutcome['status'], string>> = {
  ok: 'ok     ',
  failed: 'FAILED ',
  skipped: 'skipped',
};

/** The timeout of the whole check, because a user waits for it. */
const TIMEOUT_MS = 60_000;

/** Formats the result of a check, one line for each part. */
export function describeCheck(found: WxCloudStorageCheck, withBucket: boolean): readonly string[] {
  return PARTS.map(([part, meaning]) => {
    const { status, error } = found[part];
    const isOfBucket = part !== 'credential' && part !== 'environment';
    const skipped = isOfBucket && !withBucket ? 'needs --bucket' : 'not tried';
    const text = error === undefined ? meaning : `${error.code}: ${error.message}`;
    const line = `${TITLES[status]} ${part}: ${status === 'skipped' ? skipped : text}`;
    return cleanText(line, MAX_LINE_CHARACTERS);
  });
}

/**
 * Checks the cloud that the environment variables of `forRoot()` describe, and prints the result.
 * @returns the exit code: 0, or 1 if a part failed
 * @throws {Error} if variables are missing or invalid; the message is one line for the user
 */
export async function runCheck(given: CheckArguments, terminal: Terminal): Promise<number> {
  if (given.dotenv !== undefined) loadVariables(given.dotenv);
  const app = await start(given, terminal);
  try {
    const storage = app.get(WxCloudStorageService);
    const found = await storage.check({ bucket: given.bucket, timeoutMs: TIMEOUT_MS });
    for (const line of describeCheck(found, given.bucket)) terminal.print(line);
    return found.ok ? 0 : 1;
  } finally {
    await app.close();
  }
}

/** Loads variables from a file; variables that are already set keep their values. */
function loadVariables(file: string): void {
  try {
    process.loadEnvFile(file);
  } catch (error) {
    throw new Error(`The file ${file} cannot be read: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

async function start(
  { dotenv }: CheckArguments,
  terminal: Terminal,
): ReturnType<typeof NestFactory.createApplicationContext> {
  try {
    return await NestFactory.createApplicationContext(WxCloudStorageModule.forRoot(), {
      logger: createLogger(terminal),
      abortOnError: false,
    });
  } catch (error) {
    if (!(error instanceof OptionsInvalidError) || dotenv !== undefined) throw error;
    throw new Error(`${error.message} To read them from a file, use --dotenv .env.`, {
      cause: error,
    });
  }
}

/** Creates a Nest logger that prints only this package's information and warnings. */
function createLogger(terminal: Terminal): LoggerService {
  const print = (message: unknown, ...more: readonly unknown[]): void => {
    if (more.at(-1) !== WxCloudStorageModule.name) return;
    terminal.print(cleanText(String(message), MAX_LINE_CHARACTERS));
  };
  return { log: print, warn: print, error: () => undefined };
}

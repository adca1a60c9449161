import { parseArgs, type ParseArgsConfig } from 'node:util';
import type { WxCloudEmulatorOptions } from '../emulator/index.js';
import { cleanText } from './terminal.js';

/** A parsed command line. */
export type Command =
  | { readonly name: 'help' }
  | { readonly name: 'version' }
  | { readonly name: 'emulator'; readonly given: EmulatorArguments }
  | { readonly name: 'check'; readonly given: CheckArguments };

/** Options of the emulator, which has defaults for all but the port. */
export type EmulatorArguments = Omit<WxCloudEmulatorOptions, 'onRequest'> & {
  /** The port on 127.0.0.1; 0 for a free one. */
  readonly port: number;
};

/** Options of the check. */
export interface CheckArguments {
  /** True if the check also stores, reads and deletes a tiny object. */
  readonly bucket: boolean;
  /** A file with additional environment variables. */
  readonly dotenv?: string;
}

/** An error in the command line; the message is one line for the user. */
export class UsageError extends Error {}

/** The default port of the emulator: a fixed one, so that a `.env` file stays valid. */
const DEFAULT_PORT = 4100;

const HELP = { help: { type: 'boolean', short: 'h' } } as const;

const EMULATOR_OPTIONS = {
  ...HELP,
  port: { type: 'string' },
  'data-dir': { type: 'string' },
  env: { type: 'string' },
  appid: { type: 'string' },
  secret: { type: 'string' },
  bucket: { type: 'string' },
  'latency-ms': { type: 'string' },
  'cors-origin': { type: 'string', multiple: true },
  'allowed-host': { type: 'string', multiple: true },
} as const satisfies ParseArgsConfig['options'];

const CHECK_OPTIONS = {
  ...HELP,
  bucket: { type: 'boolean' },
  dotenv: { type: 'string' },
} as const satisfies ParseArgsConfig['options'];

const MAX_MESSAGE_CHARACTERS = 200;
const MAX_WORD_CHARACTERS = 40;

/** A value that all parsers of `.env` files accept without quotes. */
const PLAIN_VALUE = /^[\w.:-]+$/;

/** The text for `--help` and after a usage error. */
export const USAGE = `Usage: nestjs-wx-cloud-storage <command> [options]

emulator                    starts a WeChat cloud on 127.0.0.1, without an account, until Ctrl-C
  --port <number>           default ${DEFAULT_PORT}; 0 for a free one
  --data-dir <folder>       the folder for the objects; default: in memory
  --env <id>                the environment ID
  --appid <id>              the AppID
  --secret <text>           the AppSecret; do not use a real one
  --bucket <name>           the name of the bucket
  --latency-ms <number>     the delay of each response
  --cors-origin <origin>    a web site that may use the object storage; repeatable
  --allowed-host <name>     an additional host name of the emulator; repeatable

check                       checks the cloud that WX_ENV_ID, WX_APPID, WX_SECRET and
                            WX_API_BASE_URL describe
  --bucket                  also stores, reads and deletes a tiny object
  --dotenv <file>           reads variables that are not set from a file such as .env

Exit codes: 0, 1 if something failed, 2 for a wrong command line.
--help, --version`;

/**
 * Parses the arguments behind the name of the program.
 * @throws {@link UsageError} for unknown commands and options, and for invalid values
 */
export function readCommandLine(words: readonly string[]): Command {
  const [name, ...rest] = words;
  switch (name) {
    case '--help':
    case '-h':
    case 'help':
      return { name: 'help' };
    case '--version':
    case '-v':
      return { name: 'version' };
    case 'emulator':
      return readEmulator(rest);
    case 'check':
      return readCheck(rest);
    case undefined:
      throw new UsageError('Missing command.');
    default:
      throw new UsageError(`Unknown command ${quote(name)}.`);
  }
}

function readEmulator(args: string[]): Command {
  const { values } = withUsageErrors(() => parseArgs({ args, options: EMULATOR_OPTIONS }));
  if (values.help === true) return { name: 'help' };
  const { port, 'data-dir': dataDir, env, appid, secret, bucket } = values;
  const { 'latency-ms': latency, 'cors-origin': corsOrigins } = values;
  const { 'allowed-host': allowedHosts } = values;
  const given = {
    port: port === undefined ? DEFAULT_PORT : readNumber('port', port),
    ...(dataDir === undefined ? {} : { dataDir }),
    ...(env === undefined ? {} : { env }),
    ...(appid === undefined ? {} : { appid: readPlain('appid', appid) }),
    ...(secret === undefined ? {} : { secret: readPlain('secret', secret) }),
    ...(bucket === undefined ? {} : { bucket }),
    ...(latency === undefined ? {} : { latencyMs: readNumber('latency-ms', latency) }),
    ...(corsOrigins === undefined ? {} : { corsOrigins }),
    ...(allowedHosts === undefined ? {} : { allowedHosts }),
  };
  return { name: 'emulator', given };
}

function readCheck(args: string[]): Command {
  const { values } = withUsageErrors(() => parseArgs({ args, options: CHECK_OPTIONS }));
  if (values.help === true) return { name: 'help' };
  const { bucket = false, dotenv } = values;
  return { name: 'check', given: { bucket, ...(dotenv === undefined ? {} : { dotenv }) } };
}

/** Turns an error of `parseArgs` into one with a message of one line. */
function withUsageErrors<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    // The first sentence names the problem; the others explain arguments in general.
    const [sentence = ''] = String((error as Error).message).split(/\.\s/);
    throw new UsageError(`${cleanText(sentence, MAX_MESSAGE_CHARACTERS)}.`);
  }
}

function readNumber(option: string, text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new UsageError(`--${option} must be an integer, 0 or more.`);
}

/** Keeps the value out of the message, because it may be a real secret by mistake. */
function readPlain(option: string, text: string): string {
  if (PLAIN_VALUE.test(text)) return text;
  throw new UsageError(`--${option} must consist of letters, digits, "_", ".", ":" and "-".`);
}

function quote(word: string): string {
  return JSON.stringify(cleanText(word, MAX_WORD_CHARACTERS));
}

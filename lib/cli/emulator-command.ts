import {
  type WxCloudEmulatorJournalEntry,
  startWxCloudEmulator,
  type WxCloudEmulator,
} from '../emulator/index.js';
import { type EmulatorArguments, UsageError } from './command-line.js';
import { cleanText, type Terminal } from './terminal.js';

const MAX_FOLDER_CHARACTERS = 500;
const MAX_PATH_CHARACTERS = 200;
const MAX_CODE_CHARACTERS = 60;

/** User name and password, which a URL in place of a path may contain. */
const USER_INFO = /\/\/[^/]*@/;

/** Formats the lines for a `.env` file, with comments that describe the emulator. */
export function describeEmulator(
  emulator: Pick<WxCloudEmulator, 'url' | 'options' | 'cosEndpoint' | 'sidecarUrl'>,
  dataDir?: string,
): readonly string[] {
  const { url, options, cosEndpoint, sidecarUrl } = emulator;
  const place =
    dataDir === undefined ? 'in memory' : `in ${cleanText(dataDir, MAX_FOLDER_CHARACTERS)}`;
  return [
    `# WeChat cloud emulator on ${url}, objects ${place}. Ctrl-C stops it. For .env:`,
    `WX_ENV_ID=${options.env}`,
    `WX_APPID=${options.appid}`,
    `WX_SECRET=${options.secret}`,
    `WX_API_BASE_URL=${options.apiBaseUrl}`,
    `# COS endpoint: ${cosEndpoint}, open API service: ${sidecarUrl}`,
    '# Requests: method, operation, path, status, bytes, ms',
  ];
}

/**
 * Formats a request as one line: method, operation, path, status, bytes in and out, duration, and
 * problems.
 */
export function formatRequest(entry: WxCloudEmulatorJournalEntry): string {
  const { operation, method, status, requestBytes, responseBytes, durationMs } = entry;
  const path = cleanText(entry.path.replace(USER_INFO, '//'), MAX_PATH_CHARACTERS);
  const line = `${method} ${operation} ${path} ${status === 0 ? '-' : status}`;
  const size = `${requestBytes} B in, ${responseBytes} B out`;
  return [`${line} ${size}, ${durationMs} ms`, ...remarksOn(entry)].join(', ');
}

function remarksOn({
  errcode,
  cosCode,
  fault,
  via,
  aborted,
}: WxCloudEmulatorJournalEntry): readonly string[] {
  return [
    ...(errcode === undefined ? [] : [`errcode ${errcode}`]),
    ...(cosCode === undefined ? [] : [cleanText(cosCode, MAX_CODE_CHARACTERS)]),
    ...(fault === undefined ? [] : [`fault ${fault}`]),
    ...(via === undefined ? [] : [`by the ${via}`]),
    ...(aborted === true ? ['aborted'] : []),
  ];
}

/**
 * Runs an emulator until the user stops it.
 * @throws {@link UsageError} for an option that the emulator refuses
 * @throws {Error} if it cannot be started; the message is one line for the user
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
      throw new Error(`Port ${given.port} of 127.0.0.1 is in use. ${remedy}`, { cause: error });
    }
    throw new Error(spellOption(message), { cause: error });
  }
}

/** Replaces the emulator's name of an option by that of the command line, e.g. `--data-dir`. */
function spellOption(message: string): string {
  return message.replace(/^startWxCloudEmulator: /, '').replace(/^[a-z][A-Za-z]*(?=[ [])/, name => {
    const words = name.replaceAll(/[A-Z]/g, letter => `-${letter.toLowerCase()}`);
    return `--${words}`;
  });
}

import type { JournalEntry, WxCloudEmulator } from '../emulator/index.js';
import { cleanText } from './clean-text.js';

const MAX_FOLDER_CHARACTERS = 500;
const MAX_PATH_CHARACTERS = 200;
const MAX_CODE_CHARACTERS = 60;

/** User name and password, as an address in place of a path may hold them. */
const USER_INFO = /\/\/[^/]*@/;

/** The lines that tell where it is; those that are no comment are for a `.env` file. */
export function describeEmulator(
  { url, options }: Pick<WxCloudEmulator, 'url' | 'options'>,
  dataDir?: string,
): readonly string[] {
  const place =
    dataDir === undefined ? 'in memory' : `in ${cleanText(dataDir, MAX_FOLDER_CHARACTERS)}`;
  return [
    `# WeChat cloud emulator on ${url}, objects ${place}. Ctrl-C ends it. For .env:`,
    `WX_ENV_ID=${options.env}`,
    `WX_APPID=${options.appid}`,
    `WX_SECRET=${options.secret}`,
    `WX_API_BASE_URL=${options.apiBaseUrl}`,
    '# Requests: method, operation, path, status, bytes, ms',
  ];
}

/**
 * Writes one request as one line: method, operation, path, status, bytes in and out, duration, and
 * what went wrong.
 */
export function formatRequest(entry: JournalEntry): string {
  const { operation, method, status, requestBytes, responseBytes, durationMs } = entry;
  const path = cleanText(entry.path.replace(USER_INFO, '//'), MAX_PATH_CHARACTERS);
  const line = `${method} ${operation} ${path} ${status === 0 ? '-' : status}`;
  const size = `${requestBytes} B in, ${responseBytes} B out`;
  return [`${line} ${size}, ${durationMs} ms`, ...remarksOn(entry)].join(', ');
}

function remarksOn({ errcode, cosCode, fault, via, aborted }: JournalEntry): readonly string[] {
  return [
    ...(errcode === undefined ? [] : [`errcode ${errcode}`]),
    ...(cosCode === undefined ? [] : [cleanText(cosCode, MAX_CODE_CHARACTERS)]),
    ...(fault === undefined ? [] : [`fault ${fault}`]),
    ...(via === undefined ? [] : [`by the ${via}`]),
    ...(aborted === true ? ['aborted'] : []),
  ];
}

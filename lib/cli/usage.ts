import { DEFAULT_PORT } from './command-line.js';

/** The text for `--help`, and for a command line that was not understood. */
export const USAGE = `Usage: nestjs-wx-cloud-storage <command> [options]

emulator                    starts a WeChat cloud on 127.0.0.1, without an account, until Ctrl-C
  --port <number>           default ${DEFAULT_PORT}; 0 takes a free one
  --data-dir <folder>       keeps the objects there; default: in memory
  --env <id>                the environment ID
  --appid <id>              the AppID
  --secret <text>           the AppSecret; give none that is real
  --bucket <name>           the name of the bucket
  --latency-ms <number>     the wait before each response
  --cors-origin <origin>    a web site that may use the object storage; may be repeated
  --allowed-host <name>     a further name under which it may be called; may be repeated

check                       tries what WX_ENV_ID, WX_APPID, WX_SECRET and WX_API_BASE_URL name
  --bucket                  stores, reads and deletes a tiny object, too
  --dotenv <file>           takes variables that are not set from a file such as .env

Exit codes: 0, 1 when something failed, 2 for a wrong command line.
--help, --version`;

import { textAnswer, type Answer } from './answer.js';
import type { ResolvedEmulatorOptions } from './emulator-options.js';
import type { Exchange } from './exchange.js';

type Rules = Pick<ResolvedEmulatorOptions, 'allowedHosts' | 'corsOrigins'>;

const HOST_HEADER = /^(?<name>\[[^\]]*\]|[^:]*)(?::\d*)?$/;

/**
 * True when a request was sent to a name that only this machine or its network can have given to
 * the emulator. A web site can make its own name lead to 127.0.0.1, and its pages would then count
 * as the emulator's own; but no public name goes without a dot, and no browser sends no name at
 * all.
 */
export function isCalledByName(exchange: Exchange, { allowedHosts }: Rules): boolean {
  const host = exchange.header('host');
  if (host === undefined) return true;
  const name = HOST_HEADER.exec(host.toLowerCase())?.groups?.['name'];
  if (name === undefined) return false;
  return isLoopbackName(name) || /^[\w-]*$/.test(name) || allowedHosts.includes(name);
}

/** True when a page of this web site may use the emulator. */
export function isAllowedOrigin(origin: string, { corsOrigins }: Rules): boolean {
  if (corsOrigins !== undefined) return corsOrigins.includes(origin);
  return URL.canParse(origin) && isLoopbackName(new URL(origin).hostname);
}

/** The answer to a request under a name that is not the emulator's. */
export async function refuseHost(exchange: Exchange): Promise<Answer> {
  await exchange.drain();
  return refuse(
    'The emulator was called under a name that is not its own. Call it by 127.0.0.1 or localhost, or name the host in its option allowedHosts.',
  );
}

/**
 * The answer to a page of another web site that calls the API, which WeChat offers to servers
 * alone.
 */
export async function refuseOrigin(exchange: Exchange): Promise<Answer> {
  await exchange.drain();
  return refuse(
    'The emulator was called by a page of another web site. Call its API from a server, or name the site in its option corsOrigins.',
  );
}

function refuse(reason: string): Answer {
  return textAnswer(403, 'text/plain; charset=utf-8', `${reason}\n`);
}

/** Browsers look up no name below `localhost`. */
function isLoopbackName(name: string): boolean {
  return /^(?:(?:.+\.)?localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(name);
}

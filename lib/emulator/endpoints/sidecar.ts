import { randomBytes } from 'node:crypto';
import type { EmulatedCloud } from '../state/emulated-cloud.js';
import type { SidecarMisconfiguration } from '../state/misconfigurations.js';
import { carriesToken } from './api-request.js';
import type { Exchange } from './exchange.js';
import {
  type EmulatedResponse,
  apiErrorResponse,
  emptyResponse,
  jsonResponse,
} from './responses.js';

const unrelayed = (response: EmulatedResponse): EmulatedResponse => ({
  ...response,
  isUnrelayed: true,
});
const notListed = (): EmulatedResponse => unrelayed(emptyResponse(502));

type Responses<T extends SidecarMisconfiguration> = Readonly<Record<T, () => EmulatedResponse>>;
type CredentialTrouble = 'sidecar-not-ready' | 'secret-missing' | 'token-not-ready';

/**
 * Responses to all calls.
 * @see https://developers.weixin.qq.com/minigame/dev/wxcloudrun/src/guide/weixin/faq.html
 */
const RESPONSES: Responses<Exclude<SidecarMisconfiguration, CredentialTrouble>> = {
  'no-sidecar': () => unrelayed(emptyResponse(404)),
  'path-not-listed': notListed,
  'path-refused': () => apiErrorResponse(85107, 'url not in whitelist'),
  // The shape that applications have received.
  'path-refused-by-safe-link': () => ({
    ...jsonResponse({
      error_code: 85107,
      error_type: 'SafeLinkError',
      error_message: 'URL不在白名单内',
    }),
    errcode: 85107,
  }),
};

/** Responses to calls for which the sidecar must add a credential. */
const CREDENTIAL_RESPONSES: Responses<CredentialTrouble> = {
  'sidecar-not-ready': () => unrelayed(apiErrorResponse(41001, 'access_token missing')),
  'secret-missing': () => apiErrorResponse(85112, 'cloudbase_secret not found'),
  'token-not-ready': () => apiErrorResponse(85113, 'cloudbase_token not ready'),
};

/**
 * Returns the sidecar's response if a misconfiguration applies to the call; undefined otherwise.
 */
export async function respondMisconfigured(
  exchange: Exchange,
  { misconfigurations }: EmulatedCloud,
): Promise<EmulatedResponse | undefined> {
  const table = carriesToken(exchange) ? RESPONSES : { ...RESPONSES, ...CREDENTIAL_RESPONSES };
  const toResponse = misconfigurations.firstIn(table);
  if (toResponse === undefined) return undefined;
  await exchange.drain();
  return toResponse();
}

/** Responds to a path that the sidecar does not list; it never lists the token endpoints. */
export async function respondUnlisted(exchange: Exchange): Promise<EmulatedResponse> {
  await exchange.drain();
  return notListed();
}

/** Adds the header by which clients recognize responses that passed through the sidecar. */
export function passSidecar({ via }: Exchange, response: EmulatedResponse): EmulatedResponse {
  if (via !== 'sidecar' || response.isUnrelayed === true) return response;
  const headers = { ...response.headers, 'x-openapi-seqid': randomBytes(12).toString('hex') };
  return { ...response, headers };
}

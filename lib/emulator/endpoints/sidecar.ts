import { randomBytes } from 'node:crypto';
import type { EmulatedCloud } from '../state/emulated-cloud.js';
import type { SidecarMisconfiguration } from '../state/misconfigurations.js';
import { carriesToken } from './api-request.js';
import type { Exchange } from './exchange.js';
import { type Answer, apiErrorAnswer, emptyAnswer } from './responses.js';

const unrelayed = (answer: Answer): Answer => ({ ...answer, isUnrelayed: true });
const notListed = (): Answer => unrelayed(emptyAnswer(502));

type Answers<T extends SidecarMisconfiguration> = Readonly<Record<T, () => Answer>>;
type CredentialTrouble = 'sidecar-not-ready' | 'secret-missing' | 'token-not-ready';

/**
 * What befalls every call.
 * @see https://developers.weixin.qq.com/minigame/dev/wxcloudrun/src/guide/weixin/faq.html
 */
const ANSWERS: Answers<Exclude<SidecarMisconfiguration, CredentialTrouble>> = {
  'no-sidecar': () => unrelayed(emptyAnswer(404)),
  'path-not-listed': notListed,
  'path-refused': () => apiErrorAnswer({ errcode: 85107, message: 'url not in whitelist' }),
};

/** What befalls a call only when the sidecar has to find a credential for it. */
const CREDENTIAL_ANSWERS: Answers<CredentialTrouble> = {
  'sidecar-not-ready': () =>
    unrelayed(apiErrorAnswer({ errcode: 41001, message: 'access_token missing' })),
  'secret-missing': () => apiErrorAnswer({ errcode: 85112, message: 'cloudbase_secret not found' }),
  'token-not-ready': () => apiErrorAnswer({ errcode: 85113, message: 'cloudbase_token not ready' }),
};

/**
 * What a call gets at the sidecar's address because of a misconfiguration; undefined when it
 * passes.
 */
export async function answerMisconfigured(
  exchange: Exchange,
  { misconfigurations }: EmulatedCloud,
): Promise<Answer | undefined> {
  const table = carriesToken(exchange) ? ANSWERS : { ...ANSWERS, ...CREDENTIAL_ANSWERS };
  const toAnswer = misconfigurations.firstIn(table);
  if (toAnswer === undefined) return undefined;
  await exchange.drain();
  return toAnswer();
}

/** What the sidecar answers for a path that is not on its list; the token endpoints never are. */
export async function answerUnlisted(exchange: Exchange): Promise<Answer> {
  await exchange.drain();
  return notListed();
}

/** Adds the header that proves a way through the sidecar to what came that way. */
export function passSidecar({ via }: Exchange, answer: Answer): Answer {
  if (via !== 'sidecar' || answer.isUnrelayed === true) return answer;
  const headers = { ...answer.headers, 'x-openapi-seqid': randomBytes(12).toString('hex') };
  return { ...answer, headers };
}

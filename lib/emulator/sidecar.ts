import { randomBytes } from 'node:crypto';
import { emptyAnswer, type Answer } from './answer.js';
import type { Exchange } from './exchange.js';

/** What the sidecar answers for a path that is not on its list; the token endpoints never are. */
export async function answerUnlisted(exchange: Exchange): Promise<Answer> {
  await exchange.drain();
  return { ...emptyAnswer(502), isSidecarsOwn: true };
}

/** Adds the header that proves a way through the sidecar to what came that way. */
export function passSidecar({ via }: Exchange, answer: Answer): Answer {
  if (via !== 'sidecar' || answer.isSidecarsOwn === true) return answer;
  const headers = { ...answer.headers, 'x-openapi-seqid': randomBytes(12).toString('hex') };
  return { ...answer, headers };
}

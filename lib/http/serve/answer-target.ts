import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';

/** The part of Fastify's reply that is used. */
export interface HijackableReply {
  /** Node's response. */
  readonly raw: ServerResponse;
  /** Leaves the answer to whoever calls it. */
  hijack(): unknown;
  /** What hooks and plug-ins have set, which Node's response does not know of. */
  getHeaders(): OutgoingHttpHeaders;
}

/** The response of an adapter as a handler gets it from `@Res()`: Express' response, or Fastify's reply. */
export type AnswerTarget = ServerResponse | HijackableReply;

/** Node's response, which an adapter has handed over; from then on nobody else answers. */
export function takeOver(target: AnswerTarget): ServerResponse {
  if (!isReply(target)) return target;
  const headers = target.getHeaders();
  target.hijack();
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) target.raw.setHeader(name, value);
  }
  return target.raw;
}

/** Node's response, not handed over yet. */
export function rawOf(target: AnswerTarget): ServerResponse {
  return isReply(target) ? target.raw : target;
}

function isReply(target: AnswerTarget): target is HijackableReply {
  return 'raw' in target && 'hijack' in target;
}

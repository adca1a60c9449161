import {
  validateHeaderName,
  validateHeaderValue,
  type OutgoingHttpHeaders,
  type ServerResponse,
} from 'node:http';
import { WxCloudStorageError } from '../../errors/index.js';

/** The part of Fastify's reply that is used. */
export interface HijackableReply {
  /** Node's response. */
  readonly raw: ServerResponse;
  /** Leaves the answer to whoever calls it. */
  hijack(): unknown;
  /** What hooks and plug-ins have set, which Node's response does not know of. */
  getHeaders(): OutgoingHttpHeaders;
  /** Takes one of them back. */
  removeHeader?(name: string): unknown;
}

/** The response of an adapter as a handler gets it from `@Res()`: Express' response, or Fastify's reply. */
export type AnswerTarget = ServerResponse | HijackableReply;

/** The head of an answer. */
export interface AnswerHead {
  /** The HTTP status. */
  readonly status: number;
  /** The headers; undefined values are left out. */
  readonly headers: OutgoingHttpHeaders;
}

/**
 * Takes Node's response over from an adapter, with the head of the answer set; from then on nobody
 * else answers. All that can be wrong with the head is found before that, so that an error still
 * gets an answer of its own.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_ARGUMENT_INVALID` when the head cannot be sent, or
 * another answer has begun
 */
export function takeOver(target: AnswerTarget, { status, headers }: AnswerHead): ServerResponse {
  const raw = rawOf(target);
  const reply = isReply(target) ? target : undefined;
  const all = Object.entries({ ...reply?.getHeaders(), ...headers });
  const sent = all.filter(([, value]) => value !== undefined);
  for (const [name, value] of sent) {
    const problem = findHeaderProblem(name, value);
    if (problem === undefined) continue;
    // Fastify would fail at it again when it answers with the error.
    reply?.removeHeader?.(name);
    throw problem;
  }
  if (raw.headersSent) throw answered();
  reply?.hijack();
  raw.statusCode = status;
  for (const [name, value] of sent) raw.setHeader(name, value ?? '');
  return raw;
}

/** Node's response, not handed over yet. */
export function rawOf(target: AnswerTarget): ServerResponse {
  return isReply(target) ? target.raw : target;
}

function isReply(target: AnswerTarget): target is HijackableReply {
  return 'raw' in target && 'hijack' in target;
}

function findHeaderProblem(name: string, value: unknown): WxCloudStorageError | undefined {
  try {
    validateHeaderName(name);
    validateHeaderValue(name, String(value));
    return undefined;
  } catch (error) {
    return new WxCloudStorageError({
      code: 'WX_CLOUD_ARGUMENT_INVALID',
      message: `serve: the header "${name}" holds what no header may. Check what it is made from.`,
      cause: error,
    });
  }
}

function answered(): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_ARGUMENT_INVALID',
    message:
      'serve: the request has been answered already. Call serve once, with @Res() without passthrough, and answer nothing else.',
  });
}

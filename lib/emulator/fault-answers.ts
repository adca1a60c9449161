import { apiErrorAnswer, cosErrorAnswer, emptyAnswer, textAnswer, type Answer } from './answer.js';
import type { FaultEffect } from './fault-effect.js';
import { OBJECT_OPERATIONS, type EmulatorOperation } from './operation.js';

/** A request that a fault befalls. */
export interface FaultyCall {
  /** The operation. */
  readonly operation: EmulatorOperation | 'unknown';
  /** Bucket and path, for error documents. */
  readonly resource: string;
}

const HTML = 'text/html; charset=utf-8';
const PAGE =
  '<!DOCTYPE html><html><head><title>Gateway</title></head><body>Try again later.</body></html>\n';

/** What is answered instead of carrying the operation out; undefined when it is carried out all the same. */
export function replacementFor(
  effect: FaultEffect | undefined,
  { operation, resource }: FaultyCall,
): Answer | undefined {
  if (effect?.kind === 'errcode') {
    return apiErrorAnswer({ errcode: effect.errcode, message: effect.errmsg ?? 'injected fault' });
  }
  if (effect?.kind === 'cos-error') {
    const { cosCode, status, message = cosCode } = effect;
    return cosErrorAnswer({ cosCode, status, message, resource });
  }
  if (effect?.kind === 'status') {
    const { status, body = '' } = effect;
    return body === ''
      ? emptyAnswer(status)
      : textAnswer(status, 'text/plain; charset=utf-8', body);
  }
  if (effect?.kind === 'empty') return emptyAnswer(effect.status ?? 500);
  if (effect?.kind !== 'malformed-json') return undefined;
  const isObject = OBJECT_OPERATIONS.some(one => one === operation);
  return isObject
    ? textAnswer(200, HTML, PAGE)
    : textAnswer(200, 'application/json; encoding=utf-8', '{"errcode":0,"errmsg":');
}

import { describe, expect, it } from '@jest/globals';
import { WxCloudStorageError } from '../../../lib/errors/errors.js';
import { toConnectionError } from '../../../lib/transport/connection-error.js';
import { everythingShownBy } from '../support/failures.js';
import { NEVER } from '../support/server.js';

const SECRET = 'never-to-be-shown';
const timeouts = { connectMs: 1, headersMs: 2, idleMs: 3 };
const call = { endpoint: '/tcb/uploadfile', signal: NEVER, secrets: [SECRET] };

function coded(code: string): Error {
  return Object.assign(new Error(`failed for ${SECRET}`), { code });
}

describe('toConnectionError', () => {
  it.each([
    ['UND_ERR_CONNECT_TIMEOUT', 'connect', 1],
    ['UND_ERR_HEADERS_TIMEOUT', 'headers', 2],
    ['UND_ERR_BODY_TIMEOUT', 'idle', 3],
  ])('maps %s to the timeout of the phase %s', (code, phase, timeoutMs) => {
    const error = toConnectionError(coded(code), call, timeouts);
    expect(error).toMatchObject({ code: 'WX_CLOUD_REQUEST_TIMED_OUT', phase, retryable: true });
    expect(error.message).toContain(`${timeoutMs} ms`);
  });

  it.each([
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'SELF_SIGNED_CERT_IN_CHAIN',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
    'CERT_HAS_EXPIRED',
    'ERR_TLS_CERT_ALTNAME_INVALID',
  ])('maps %s to an untrusted certificate, with advice', code => {
    const error = toConnectionError(coded(code), call, timeouts);
    expect(error).toMatchObject({ code: 'WX_CLOUD_CONNECTION_FAILED', retryable: false });
    expect(error.message).toContain(code);
    expect(error.message).toContain('Do not turn verification off');
  });

  it.each(['ECONNRESET', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_SOCKET', 'constructor', 'toString'])(
    'maps %s to a broken connection',
    code => {
      const error = toConnectionError(coded(code), call, timeouts);
      expect(error).toMatchObject({ code: 'WX_CLOUD_CONNECTION_FAILED', retryable: true });
      expect(error.message).toContain(code);
    },
  );

  it('finds the code inside a cause and inside an AggregateError', () => {
    const wrapped = new Error('outer', { cause: new AggregateError([coded('ECONNREFUSED')]) });
    expect(toConnectionError(wrapped, call, timeouts).message).toContain('ECONNREFUSED');
  });

  it.each([
    ['a text', SECRET],
    ['undefined', undefined],
    ['an empty AggregateError', new AggregateError([])],
  ])('accepts %s that was thrown', (_, thrown) => {
    const error = toConnectionError(thrown, call, timeouts);
    expect(error).toMatchObject({ code: 'WX_CLOUD_CONNECTION_FAILED' });
    expect(everythingShownBy(error)).not.toContain(SECRET);
  });

  it('stops at a cycle of causes', () => {
    const first = new Error('first');
    first.cause = new Error('second', { cause: first });
    expect(toConnectionError(first, call, timeouts)).toMatchObject({
      code: 'WX_CLOUD_CONNECTION_FAILED',
    });
  });

  it('keeps an error of this package', () => {
    const own = new WxCloudStorageError({ code: 'WX_CLOUD_BODY_FAILED', message: 'x' });
    expect(toConnectionError(own, call, timeouts)).toBe(own);
  });

  it('returns the reason of an aborted signal', () => {
    const reason = new WxCloudStorageError({ code: 'WX_CLOUD_STORAGE_CLOSED', message: 'x' });
    const aborted = { ...call, signal: AbortSignal.abort(reason) };
    expect(toConnectionError(coded('UND_ERR_ABORTED'), aborted, timeouts)).toBe(reason);
  });

  it('shows no literal of the call', () => {
    const error = toConnectionError(coded('ECONNRESET'), call, timeouts);
    expect(everythingShownBy(error)).not.toContain(SECRET);
  });
});

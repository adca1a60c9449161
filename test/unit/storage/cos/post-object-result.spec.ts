import { describe, expect, it } from '@jest/globals';
import { classifyPostResponse } from '../../../../lib/storage/cos/post-object-result.js';
import type { BufferedResponse } from '../../../../lib/transport/response-handlers.js';

const ATTEMPT = { cloudPath: 'a.txt', secrets: [], md5: undefined, isSent: true };

const responseOf = (status: number, text: string): BufferedResponse => ({
  status,
  text,
  header: () => undefined,
  headerNames: () => [],
});
const document = (code: string, message = 'm'): string =>
  `<Error><Code>${code}</Code><Message>${message}</Message></Error>`;

const TRANSIENT = { retryable: true, mayExist: false, isFormRefused: false };
const UNCLEAR = { ...TRANSIENT, mayExist: true };
const REFUSED = { ...TRANSIENT, retryable: false };
const FORM_REFUSED = { ...REFUSED, isFormRefused: true };

describe('classifyPostResponse', () => {
  it.each([
    [403, document('AccessDenied', 'Request has expired'), TRANSIENT],
    [403, document('AccessDenied', 'Access Denied.'), FORM_REFUSED],
    [403, document('InvalidRequest', 'The policy has expired'), FORM_REFUSED],
    [403, 'blocked', REFUSED],
    [400, document('RequestTimeout'), TRANSIENT],
    [399, '', UNCLEAR],
    [400, '', REFUSED],
    [408, '', UNCLEAR],
    [408, document('RequestTimeout'), TRANSIENT],
    [409, document('OperationAborted'), TRANSIENT],
    [429, '', TRANSIENT],
    [499, '', REFUSED],
    [500, '', UNCLEAR],
    [501, '', { ...UNCLEAR, retryable: false }],
    [200, document('InternalError'), UNCLEAR],
  ])('judges %d %s', (status, body, { retryable, ...rest }) => {
    expect(classifyPostResponse(responseOf(status, body), ATTEMPT)).toMatchObject({
      isStored: false,
      error: { retryable, upstreamStatus: status },
      ...rest,
    });
  });
});

import { describe, expect, it } from '@jest/globals';
import { WxCloudStorageError } from '../../../lib/errors/errors.js';
import { redact, toSafeCause } from '../../../lib/errors/redaction.js';
import { everythingShownBy, thrownBy } from '../support/failures.js';

const HIDDEN = 'Hid-den_Va1ue';

describe('redact', () => {
  it.each([
    ['an access token in a query', `GET /tcb/uploadfile?access_token=${HIDDEN}`],
    ['an app secret between other parameters', `/cgi-bin/token?appid=wx1&secret=${HIDDEN}&x=1`],
    ['a cloudbase token', `?cloudbase_access_token=${HIDDEN}`],
    ['a component token', `?component_access_token=${HIDDEN}`],
    ['a parameter in an HTML page', `<a href="/x?a=1&amp;access_token=${HIDDEN}">here</a>`],
    ['a name in capitals', `?ACCESS_TOKEN=${HIDDEN}`],
    ['a COS signature', `q-sign-algorithm=sha1&q-ak=${HIDDEN}&q-signature=${HIDDEN}`],
    ['the signature of a temporary link', `https://b.tcb.qcloud.la/a.png?sign=${HIDDEN}&t=1`],
    ['a JSON member', `{"access_token":"${HIDDEN}","expires_in":7200}`],
    ['a JSON member after spaces', `{ "secret" : "${HIDDEN}" }`],
    ['a JSON member with an escaped quote', `{"token":"abc\\"${HIDDEN}"}`],
    ['the members of an upload link', `{"authorization":"${HIDDEN}","cos_file_id":"${HIDDEN}"}`],
    ['a JSON member that is cut off', `{"expires_in":7200,"access_token":"${HIDDEN}`],
    ['a JSON member that is cut off in an escape', `{"access_token":"${HIDDEN}\\`],
    ['a JSON member inside a JSON text', `{"body":"{\\"access_token\\":\\"${HIDDEN}\\"}"}`],
    ['a security token header', `x-cos-security-token: ${HIDDEN}\r\nhost: a`],
    ['an authorization header', `Authorization: Bearer ${HIDDEN}`],
    ['an inspected object', `{ access_token: '${HIDDEN}' }`],
  ])('masks %s', (_, text) => {
    expect(redact(text)).not.toContain(HIDDEN);
  });

  it.each([
    ['a sentence', 'The token was refused, so sign in again.'],
    ['a name that only ends like a credential', 'my-signature-tool=on design=flat'],
    ['a file ID', 'cloud://prod-1.7072-prod-1-13/photos/标志.png'],
    ['an ordinary parameter', '/x?appid=wx0123456789abcdef&t=1700000000'],
    ['an empty text', ''],
  ])('leaves %s unchanged', (_, text) => {
    expect(redact(text)).toBe(text);
  });

  it('keeps the text around a masked value', () => {
    expect(redact(`/x?a=1&access_token=${HIDDEN}&b=2`)).toBe('/x?a=1&access_token=[redacted]&b=2');
  });

  it('masks every occurrence of a literal', () => {
    expect(redact(`${HIDDEN}, once more: ${HIDDEN}`, [HIDDEN])).toBe(
      '[redacted], once more: [redacted]',
    );
  });

  it('treats a literal as text, not as a pattern', () => {
    expect(redact('a.b*c(d and axbxcxd', ['a.b*c(d'])).toBe('[redacted] and axbxcxd');
  });

  it('does not mask literals below six characters, which would mask ordinary words', () => {
    expect(redact('token of five', ['five', '', 'of'])).toBe('token of five');
  });
});

describe('toSafeCause', () => {
  it('keeps name, message, code and stack of a foreign error', () => {
    const foreign = Object.assign(new TypeError('broken pipe'), { code: 'EPIPE' });
    const safe = toSafeCause(foreign);
    expect(safe).not.toBe(foreign);
    expect(safe).toMatchObject({ name: 'TypeError', message: 'broken pipe', code: 'EPIPE' });
    expect(safe.stack).toContain('broken pipe');
  });

  it('drops every other field', () => {
    const foreign = Object.assign(new Error('x'), {
      request: { headers: [HIDDEN] },
      input: HIDDEN,
    });
    expect(everythingShownBy(toSafeCause(foreign))).not.toContain(HIDDEN);
  });

  it("drops the address that Node's Invalid URL error carries", () => {
    const invalidUrl = thrownBy(() => new URL(`http://[bad/?access_token=${HIDDEN}`));
    expect(everythingShownBy(invalidUrl)).toContain(HIDDEN);
    expect(everythingShownBy(toSafeCause(invalidUrl))).not.toContain(HIDDEN);
  });

  it('masks literals in nested causes', () => {
    const inner = Object.assign(new Error(`inner ${HIDDEN}`), { body: HIDDEN });
    const outer = new Error('outer', { cause: new Error('middle', { cause: inner }) });
    const safe = toSafeCause(outer, [HIDDEN]);
    expect(everythingShownBy(safe)).not.toContain(HIDDEN);
    expect(everythingShownBy(safe)).toContain('inner [redacted]');
  });

  it('shows the first error of an AggregateError', () => {
    const refused = Object.assign(new Error(`refused ?secret=${HIDDEN}`), { code: 'ECONNREFUSED' });
    const safe = toSafeCause(new AggregateError([refused, new Error(HIDDEN)], 'all failed'));
    expect(safe.cause).toMatchObject({ code: 'ECONNREFUSED' });
    expect(everythingShownBy(safe)).not.toContain(HIDDEN);
  });

  it('accepts an AggregateError without errors', () => {
    expect(toSafeCause(new AggregateError([], 'none'))).toMatchObject({ message: 'none' });
  });

  it('stops at a cycle of causes', () => {
    const first = new Error('first');
    first.cause = new Error('second', { cause: first });
    expect(everythingShownBy(toSafeCause(first))).toContain('second');
  });

  it.each([
    ['a text', `secret=${HIDDEN}`],
    ['undefined', undefined],
    ['null', null],
    ['a number', 7],
    ['a symbol', Symbol('thrown')],
    ['an object', { access_token: HIDDEN }],
    ['an object without a prototype', Object.create(null) as unknown],
  ])('wraps %s that was thrown in an error', (_, thrown) => {
    const safe = toSafeCause(thrown);
    expect(safe).toBeInstanceOf(Error);
    expect(everythingShownBy(safe)).not.toContain(HIDDEN);
  });

  it('shows no secret when it is the cause of an error of this package', () => {
    const error = new WxCloudStorageError({
      code: 'WX_CLOUD_CONNECTION_FAILED',
      message: `GET /cgi-bin/token?secret=${HIDDEN} failed`,
      errmsg: `bad "access_token":"${HIDDEN}"`,
      cause: toSafeCause(new Error(`?access_token=${HIDDEN}`)),
    });
    expect(everythingShownBy(error)).not.toContain(HIDDEN);
  });
});

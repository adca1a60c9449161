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
    ['an inspected value with both quotes', `{ accessToken: \`'"${HIDDEN}\` }`],
    ['the secret of a platform', `?component_appid=wx1&component_appsecret=${HIDDEN}`],
    ['an app secret with an underscore', `app_secret=${HIDDEN}`],
    ['a client secret', `grant_type=client_credentials&client_secret=${HIDDEN}`],
    ['a client secret in JSON', `{"clientSecret":"${HIDDEN}"}`],
    ['a verify ticket', `{"component_verify_ticket":"${HIDDEN}"}`],
    ['a verify ticket in XML', `<ComponentVerifyTicket>ticket@@@${HIDDEN}<`],
    ['a refresh token', `refresh_token=${HIDDEN}`],
    ['the refresh token of an authoriser', `{"authorizer_refresh_token": "${HIDDEN}"}`],
    ['a refresh token without its name', `refreshtoken@@@${HIDDEN} was refused`],
    ['keys of COS', `{ TmpSecretId: '${HIDDEN}', TmpSecretKey: '${HIDDEN}' }`],
    ['a password', `password=${HIDDEN}`],
    ['an attribute', `<token value="1" token="${HIDDEN}">`],
    ['an address within an address', `?to=https%3A%2F%2Fa.b%3Faccess_token%3D${HIDDEN}`],
    ['the password of an address', `redis://:${HIDDEN}@redis:6379/0`],
    ['the user and password of an address', `http://${HIDDEN}:${HIDDEN}@proxy.internal:3128/`],
    ['a user that is a token', `https://${HIDDEN}@git.internal/a`],
    ['a password with an @', `https://user:a@${HIDDEN}@host/`],
    ['an address in JSON of PHP', `"http:\\/\\/u:${HIDDEN}@host"`],
    ['the header of a proxy', `Proxy-Authorization: Custom ${HIDDEN}`],
    ['a bearer token', `sent with Bearer ${HIDDEN}, refused`],
    ['a bearer token with the name of its scheme in small letters', `bearer ${HIDDEN}`],
    ['a JSON web token', `Bearer eyJhbGciOi.${HIDDEN}.abc==`],
    ['a value without quotes', `access_token: ${HIDDEN}`],
    ['a value without quotes at the end of a line', `AppSecret:${HIDDEN}\nappid: wx1`],
    ['a value after a colon of Chinese', `access_token：${HIDDEN}，已失效`],
    ['a password with a slash', `redis://user:pa/${HIDDEN}@host:6379`],
    ['a password with a question mark', `redis://:pa?${HIDDEN}@host:6379`],
    ['a password with a hash', `redis://u:p#${HIDDEN}@h`],
    ['a password in Cyrillic', `redis://user:пароль${HIDDEN}@host`],
    ['a user and a password in Chinese', `redis://用户:密码${HIDDEN}@host`],
    ['a password with an escaped slash', `"redis:\\/\\/u:pa\\/${HIDDEN}@host"`],
    ['JSON in an address', `?q=%7B%22access_token%22%3A%22${HIDDEN}%22%7D`],
    ['JSON in an address with a plain colon', `?q={%22access_token%22:%20%22${HIDDEN}%22}`],
    ['JSON in JSON in an address', `%5C%22secret%5C%22%3A%5C%22${HIDDEN}%5C%22`],
    ['an object', `{"access_token":{"type":"a","value":"${HIDDEN}"}}`],
    ['an inspected object in an object', `{ token: { value: '${HIDDEN}' } }`],
    ['an object that is cut off', `{"access_token":{"value":"${HIDDEN}`],
  ])('masks %s', (_, text) => {
    expect(redact(text)).not.toContain(HIDDEN);
  });

  it.each([
    ['a sentence', 'The token was refused, so sign in again.'],
    ['a name that only ends like a credential', 'my-signature-tool=on design=flat'],
    ['a file ID', 'cloud://prod-1.7072-prod-1-13/photos/标志.png'],
    ['an ordinary parameter', '/x?appid=wx0123456789abcdef&t=1700000000'],
    ['an empty text', ''],
    ['words', 'Basic usage. Basic authentication of a bearer token, Bearer realm="a"'],
    ['words with inner capitals', 'basic JavaScript, basic HTTP/1.1, Basic TypeScript'],
    ['an address with an @ in its path', 'https://cdn.internal:8080/logo@2x.png?by=a@b.c#d@e'],
    ['a file ID with an @', 'cloud://prod-1.7072-prod-1-13/photos/a:b@2x.png'],
    ['an e-mail after an address', '请访问https://a.internal，或联系me@b.internal'],
    ['names that only contain those of credentials', 'tokens=3 secretary=a signed=1 tokenMs: "5"'],
    [
      'remedies',
      'cos.credentials: { secretId, secretKey, token?, expiresAt: Date }; see the token.',
    ],
    ['a code after a name', 'access_token: 40001, invalid credential, access_token: missing'],
    ['a word after a name', 'access_token: refreshed. Secret: unchanged-since-the-start'],
    ['a stack after a name', 'no access token:\n    at file1234:12:3'],
    ['types', 'token: { accessToken: string; expiresInSeconds: number }; secret: () => {}'],
    ['a port before an @', 'https://files.internal:8443/@team/a?b=c@d https://[::1]:80/@a'],
    ['a port without a path', '请访问https://a.internal:8080，或联系me@b.internal'],
    [
      'an SSH address',
      'git@github.internal:a/b.git#c@d, file:///C:/node_modules/undici@7.1.0/a.js',
    ],
    ['the kind of authentication', "auth=stable-token api=api.weixin.qq.com type: 'access-token'"],
  ])('leaves %s unchanged', (_, text) => {
    expect(redact(text)).toBe(text);
  });

  it('keeps the text around a masked value', () => {
    expect(redact(`/x?a=1&access_token=${HIDDEN}&b=2`)).toBe('/x?a=1&access_token=[redacted]&b=2');
  });

  it.each(['dXNlcjpwYXNz', 'Omh1bnRlcjI=', 'c3BhcmVzOm1hbnktbW9yZQ=='])(
    'masks credentials of the scheme Basic: %s',
    value => {
      expect(redact(`Basic ${value} was refused`)).toBe('Basic [redacted] was refused');
    },
  );

  it('keeps the address around user and password', () => {
    expect(redact(`GET https://u:${HIDDEN}@host:81/a@2x?b=1`)).toBe(
      'GET https://[redacted]@host:81/a@2x?b=1',
    );
  });

  it('keeps the address around a password that is not encoded', () => {
    expect(redact('connect redis://user:pa/ss@host:6379/0 failed')).toBe(
      'connect redis://[redacted]@host:6379/0 failed',
    );
  });

  it('changes nothing that it has masked', () => {
    const once = redact(
      `https://u:${HIDDEN}@host/?secret=${HIDDEN} "token":"${HIDDEN}" ticket@@@1 ` +
        `redis://u:a/${HIDDEN}@host token: ${HIDDEN} {"token":{"a":"${HIDDEN}"}} token%22:%22a%22`,
    );
    expect(redact(once)).toBe(once);
  });

  it.each([
    'token',
    'token ',
    'token\\',
    'a_token"',
    'token:"',
    "token='",
    'x-',
    'x-a-token ',
    'basic ',
    'Basic aaaaaa',
    'Bearer aaa-',
    '://a',
    'https://a:b',
    'a://b:c/d',
    '://:',
    ':\\/\\/a:b\\/',
    'https://a:б',
    'token:',
    'token: a',
    'token:a=',
    'token:{',
    'token:{"',
    "token:{a:'b',",
    'token%22:',
    'token%22:%22',
    'token%22:%5C',
    'token%22:+',
    'ticket@@',
    '-',
    'a',
    ' ',
    '\\',
  ])('reads 100,000 characters of %j', part => {
    const text = part.repeat(Math.ceil(100_000 / part.length));
    expect(redact(`${text}\n?secret=${HIDDEN}`)).not.toContain(HIDDEN);
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

  it.each<[string, () => unknown, object]>([
    ['a message', () => ({ message: ['a', 'b'] }), { name: 'Error', message: '' }],
    ['a stack', () => ({ stack: { frames: [HIDDEN] } }), { message: 'x', stack: 'Error: x' }],
    ['a stack of null', () => ({ stack: null }), { message: 'x', stack: 'Error: x' }],
    ['a name', () => ({ name: 7 }), { name: 'Error', message: 'x' }],
    ['a code', () => ({ code: 500 }), { name: 'Error', message: 'x' }],
  ])('copies an error with %s that is no text', (_, fields, copy) => {
    const error = Object.assign(new Error('x'), fields());
    expect(toSafeCause(error)).toMatchObject(copy);
    expect(everythingShownBy(toSafeCause(error))).not.toContain(HIDDEN);
  });

  it.each(['message', 'stack', 'name', 'code', 'cause', 'errors'])(
    'copies an error whose %s throws',
    field => {
      const get = (): never => {
        throw new TypeError('not now');
      };
      const error = Object.defineProperty(new Error('x'), field, { get });
      expect(toSafeCause(error)).toBeInstanceOf(Error);
    },
  );

  it('masks the name and the code', () => {
    const fields = { name: `E?secret=${HIDDEN}`, code: `secret=${HIDDEN}` };
    expect(everythingShownBy(toSafeCause(Object.assign(new Error('x'), fields)))).not.toContain(
      HIDDEN,
    );
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

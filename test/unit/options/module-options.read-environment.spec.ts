import { describe, expect, it } from '@jest/globals';
import { readEnvironment } from '../../../lib/options/module-options.js';
import { resolveOptions } from '../../../lib/options/resolve-options.js';
import { thrownBy } from '../support/failures.js';

const WX_ENV_ID = 'prod-8gtest';
const WX_APPID = 'wx0123456789abcdef';
const WX_SECRET = 'a-secret';
const TOKEN_FILE = '/.tencentcloudbase/wx/cloudbase_access_token';

const outside = (): boolean => false;
const inCloudHosting = (path: string): boolean => path === TOKEN_FILE;

describe('readEnvironment', () => {
  it.each([
    [
      'AppID and AppSecret',
      { WX_ENV_ID, WX_APPID, WX_SECRET },
      outside,
      { env: WX_ENV_ID, appid: WX_APPID, secret: WX_SECRET },
    ],
    [
      'the environment ID of Cloud Hosting',
      { CBR_ENV_ID: 'container', WX_APPID, WX_SECRET },
      outside,
      { env: 'container', appid: WX_APPID, secret: WX_SECRET },
    ],
    [
      'WX_ENV_ID before CBR_ENV_ID',
      { CBR_ENV_ID: 'container', WX_ENV_ID, WX_APPID, WX_SECRET },
      outside,
      { env: WX_ENV_ID, appid: WX_APPID, secret: WX_SECRET },
    ],
    [
      'CBR_ENV_ID in place of an empty WX_ENV_ID',
      { CBR_ENV_ID: 'container', WX_ENV_ID: '', WX_APPID, WX_SECRET },
      outside,
      { env: 'container', appid: WX_APPID, secret: WX_SECRET },
    ],
    [
      'the address of the API',
      { WX_ENV_ID, WX_APPID, WX_SECRET, WX_API_BASE_URL: 'http://127.0.0.1:4100' },
      outside,
      {
        env: WX_ENV_ID,
        appid: WX_APPID,
        secret: WX_SECRET,
        apiBaseUrl: 'http://127.0.0.1:4100',
      },
    ],
    [
      'no address when it is empty',
      { WX_ENV_ID, WX_APPID, WX_SECRET, WX_API_BASE_URL: '' },
      outside,
      { env: WX_ENV_ID, appid: WX_APPID, secret: WX_SECRET },
    ],
    [
      'the mounted token where there is no secret',
      { CBR_ENV_ID: 'container', WX_APPID, WX_SECRET: '' },
      inCloudHosting,
      { env: 'container', auth: { type: 'cloudbase-token' } },
    ],
    [
      'the secret before the mounted token',
      { WX_ENV_ID, WX_APPID, WX_SECRET },
      inCloudHosting,
      { env: WX_ENV_ID, appid: WX_APPID, secret: WX_SECRET },
    ],
  ])('reads %s', (_, variables, fileExists, options) => {
    expect(readEnvironment(variables, fileExists)).toEqual(options);
  });

  it.each([
    [{}, outside, 'variables WX_ENV_ID (or CBR_ENV_ID), WX_APPID, WX_SECRET must'],
    [{ WX_ENV_ID }, outside, 'variables WX_APPID, WX_SECRET must'],
    [{ WX_ENV_ID, WX_APPID }, outside, 'variable WX_SECRET must'],
    [{ WX_ENV_ID, WX_APPID, WX_SECRET: '' }, outside, 'variable WX_SECRET must'],
    [{ WX_ENV_ID, WX_SECRET }, outside, 'variable WX_APPID must'],
    [{ WX_ENV_ID, WX_SECRET }, inCloudHosting, 'variable WX_APPID must'],
    [{ WX_APPID, WX_SECRET }, outside, 'variable WX_ENV_ID (or CBR_ENV_ID) must'],
    [{}, inCloudHosting, 'variable WX_ENV_ID (or CBR_ENV_ID) must'],
  ])('names what is missing beside %j, without a value', (variables, fileExists, named) => {
    const { message } = thrownBy(() => readEnvironment(variables, fileExists));
    expect(message).toContain(`WxCloudStorageModule: ${named}`);
    expect(message).not.toContain(WX_SECRET);
  });
});

describe('resolveOptions of environment variables', () => {
  const complete = { WX_ENV_ID, WX_APPID, WX_SECRET };

  it.each([
    [
      { WX_ENV_ID: 'cloud://a.b/c' },
      'variable WX_ENV_ID (or CBR_ENV_ID) must be an environment ID',
    ],
    [{ WX_APPID: '0123456789abcdef0123456789abcdef' }, 'variable WX_APPID must be an AppID, but'],
    [{ WX_SECRET: 'a-secret\r' }, 'variable WX_SECRET must be a non-empty string'],
    [{ WX_API_BASE_URL: 'http://10.0.0.1' }, 'variable WX_API_BASE_URL must be an https: address'],
  ])('names the invalid variable: %j', (change, named) => {
    const options = readEnvironment({ ...complete, ...change }, outside);
    const { message } = thrownBy(() => resolveOptions(options));
    expect(message).toContain(`WxCloudStorageModule: ${named}`);
    expect(message).not.toContain(Object.values(change)[0]);
  });
});

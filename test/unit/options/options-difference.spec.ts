import { describe, expect, it } from '@jest/globals';
import type { WxCloudStorageOptions } from '../../../lib/index.js';
import { rememberDisk } from '../../../lib/options/disk.js';
import { findDifference, type OptionsDifference } from '../../../lib/options/options-difference.js';
import { resolveOptions } from '../../../lib/options/resolve-options.js';
import { MemoryAccessTokenStore } from '../../support/memory-access-token-store.js';

const disk = rememberDisk();
const getToken = () => 'a-token';
const GIVEN = { env: 'prod-8gtest', appid: 'wx1', secret: 'a-secret' };
const CUSTOM = { env: 'prod-8gtest', auth: { type: 'custom', appid: 'wx1', getToken } };
const KEYS = { secretId: 'an-id', secretKey: 'a-key' };
const COS = { ...GIVEN, cos: { bucket: 'b-1', region: 'ap-beijing', credentials: KEYS } };
const withKeys = (credentials: () => object) => ({ ...COS, cos: { ...COS.cos, credentials } });
const STORE = new MemoryAccessTokenStore();
const withStore = (store = STORE) => ({
  env: 'prod-8gtest',
  auth: { type: 'stable-token', appid: 'wx1', secret: 'a-secret', store },
});

const difference = (one: object, other: object): OptionsDifference | undefined =>
  findDifference(
    resolveOptions(one as WxCloudStorageOptions, disk),
    resolveOptions(other as WxCloudStorageOptions, disk),
  );

describe('findDifference', () => {
  it.each<[string, object, object]>([
    ['the same members', GIVEN, { ...GIVEN }],
    ['a default', GIVEN, { ...GIVEN, maxConnections: 256, timeouts: { totalMs: undefined } }],
    [
      'the long form',
      GIVEN,
      { env: 'prod-8gtest', auth: { type: 'stable-token', appid: 'wx1', secret: 'a-secret' } },
    ],
    ['one function', CUSTOM, { ...CUSTOM, auth: { ...CUSTOM.auth } }],
    ['one store', withStore(), withStore()],
    ['equal keys', COS, { ...COS, cos: { ...COS.cos, credentials: { ...KEYS } } }],
  ])('finds none with %s', (_, one, other) => {
    expect(difference(one, other)).toBeUndefined();
  });

  it.each<[string, object, object]>([
    ['env', GIVEN, { ...GIVEN, env: 'prod-8gother' }],
    ['auth.appid', GIVEN, { ...GIVEN, appid: 'wx2' }],
    ['auth.secret', GIVEN, { ...GIVEN, secret: 'b-secret' }],
    ['auth.type', GIVEN, CUSTOM],
    ['auth.getToken', CUSTOM, { ...CUSTOM, auth: { ...CUSTOM.auth, getToken: () => 'a-token' } }],
    ['auth.store', withStore(), withStore(new MemoryAccessTokenStore())],
    ['auth.store', withStore(), GIVEN],
    ['bucket', GIVEN, { ...GIVEN, bucket: 'b-1' }],
    ['timeouts.totalMs', GIVEN, { ...GIVEN, timeouts: { totalMs: 1 } }],
    ['ticketKey', GIVEN, { ...GIVEN, ticketKey: 'x'.repeat(32) }],
    ['onOrphan', { ...GIVEN, onOrphan: () => {} }, { ...GIVEN, onOrphan: () => {} }],
    ['dispatcher', { ...GIVEN, dispatcher: { dispatch() {} } }, GIVEN],
    ['cos', COS, { ...COS, cos: { ...COS.cos, credentials: { ...KEYS, secretKey: 'b-key' } } }],
  ])('names %s', (option, one, other) => {
    expect(difference(one, other)).toMatchObject({ option });
    expect(difference(other, one)).toMatchObject({ option });
  });

  it.each<[boolean, string, object, object]>([
    [true, 'two functions', CUSTOM, { ...CUSTOM, auth: { ...CUSTOM.auth, getToken: () => '' } }],
    [true, 'two stores', withStore(), withStore(new MemoryAccessTokenStore())],
    [true, 'two functions for keys', withKeys(() => KEYS), withKeys(() => KEYS)],
    [false, 'a store and none', withStore(), GIVEN],
    [false, 'a function and keys', withKeys(() => KEYS), COS],
    [false, 'two secrets', GIVEN, { ...GIVEN, secret: 'b-secret' }],
  ])('says %s if objects are others: %s', (isOtherObject, _, one, other) => {
    expect(difference(one, other)).toMatchObject({ isOtherObject });
  });
});

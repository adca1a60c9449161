import { AsyncLocalStorage } from 'node:async_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Test, type TestingModule } from '@nestjs/testing';
import {
  WxCloudStorageModule,
  WxCloudStorageRegistry,
  type WxAccessTokenRequest,
  type WxCloudStorageOptions,
  type WxCloudStorageService,
} from '../../lib/index.js';
import { MemoryAccessTokenStore } from '../support/memory-access-token-store.js';
import {
  startTenantCloud,
  type Tenant,
  type TenantCloud,
  tokenOf,
} from '../support/tenant-cloud.js';
import { until } from '../support/until.js';

const COUNT = 200;
/** Environments of each AppID. */
const PER_APPID = 4;

const createTenant = (index: number): Tenant => {
  const owner = Math.floor(index / PER_APPID);
  return {
    env: `prod-${index}`,
    appid: `wx-of-${owner}`,
    secret: `secret-of-${owner}`,
    bucket: `7072-prod-${index}-1300000000`,
  };
};
const tenants = Array.from({ length: COUNT }, (_, index) => createTenant(index));
const FIRST = createTenant(0);

let cloud: TenantCloud;
let app: TestingModule;
let registry: WxCloudStorageRegistry;

beforeEach(async () => {
  cloud = await startTenantCloud(tenants);
  app = await Test.createTestingModule({
    imports: [WxCloudStorageModule.forRoot(optionsOf(FIRST))],
  }).compile();
  await app.init();
  registry = app.get(WxCloudStorageRegistry);
});
afterEach(async () => {
  await app.close();
  await cloud.close();
});

function optionsOf(
  { env, appid, secret }: Tenant,
  more: Partial<WxCloudStorageOptions> = {},
): WxCloudStorageOptions {
  const common = { env, apiBaseUrl: cloud.url, retry: { attempts: 1 }, maxConnections: 8 };
  return { ...common, appid, secret, ...more } as WxCloudStorageOptions;
}

/** As a third-party platform gives tokens: one function for all. */
const asked: string[] = [];
const getToken = async ({ appid }: WxAccessTokenRequest): Promise<string> => {
  asked.push(appid);
  return tokenOf(appid);
};
const byFunction = (tenant: Tenant): WxCloudStorageOptions =>
  optionsOf(tenant, {
    appid: undefined,
    secret: undefined,
    auth: { type: 'custom', appid: tenant.appid, getToken },
  } as Partial<WxCloudStorageOptions>);

const open = (tenant: Tenant, options = optionsOf): Promise<WxCloudStorageService> =>
  registry.open(`tenant:${tenant.env}`, options(tenant));

/** Stores and reads a file at the path that all tenants use. */
async function useStorage(tenant: Tenant, options = optionsOf) {
  const storage = await open(tenant, options);
  const { fileId } = await storage.upload('same/path.txt', `content of ${tenant.env}`);
  const links = [await storage.getDownloadUrl(fileId), await storage.getDownloadUrl(fileId)];
  return { fileId, links, content: String(await storage.downloadBuffer(fileId)) };
}

const expectedOf = ({ env, bucket }: Tenant) => {
  const link = `${cloud.url}/object/${bucket}/same/path.txt?sign=0&t=1`;
  return {
    fileId: `cloud://${env}.${bucket}/same/path.txt`,
    links: [link, link],
    content: `content of ${env}`,
  };
};

async function untilCollected(objects: readonly WeakRef<object>[]): Promise<void> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  await until(() => {
    collect();
    return objects.every(object => object.deref() === undefined);
  }, 'the end of all objects');
}

describe(`${COUNT} opened instances`, () => {
  it.each([
    ['AppSecrets', optionsOf, () => cloud.tokenCalls],
    ['tokens of one function', byFunction, () => asked],
  ])('keep tokens, links, buckets and files apart: %s', async (_, options, tokensAsked) => {
    asked.length = 0;
    const results = await Promise.all(tenants.map(tenant => useStorage(tenant, options)));
    expect(results).toEqual(tenants.map(expectedOf));
    expect(cloud.crossings).toEqual([]);
    expect(cloud.objects.size).toBe(COUNT);
    expect(tokensAsked().toSorted()).toEqual(
      [...new Set(tenants.map(({ appid }) => appid))].toSorted(),
    );

    const reads = results.map(async ({ fileId }, index) => {
      const other = createTenant((index + 1) % COUNT);
      return (await open(other, options)).getDownloadUrl(fileId);
    });
    for (const read of await Promise.allSettled(reads)) {
      expect(read).toMatchObject({ reason: { code: 'WX_CLOUD_FILE_ID_INVALID' } });
    }
  });

  it('use the connections of each other', async () => {
    for (const tenant of tenants.slice(0, 20)) await useStorage(tenant);
    // More than one, as a request may come before the last one has left its connection.
    expect(await cloud.countConnections()).toBeLessThan(5);
  });

  it('leave no connection and no memory behind', async () => {
    const used = async (): Promise<WeakRef<object>[]> =>
      Promise.all(
        tenants.map(async tenant => {
          await useStorage(tenant);
          return new WeakRef(await open(tenant));
        }),
      );
    const services = await used();
    await Promise.all(tenants.map(({ env }) => registry.close(`tenant:${env}`)));
    await untilCollected(services);
    await app.close();
    await until(async () => (await cloud.countConnections()) === 0);
    expect(services.map(service => service.deref())).toEqual(tenants.map(() => undefined));
  });
});

describe('an open instance', () => {
  it('keeps nothing of the request that opened it', async () => {
    const requests = new AsyncLocalStorage<object>();
    const stores = await Promise.all(
      tenants.slice(0, 20).map(async tenant => {
        const request = { tenant };
        await requests.run(request, () => open(tenant));
        return new WeakRef<object>(request);
      }),
    );
    await untilCollected(stores);
    expect(registry.get('tenant:prod-0')).toBeDefined();
  });
});

describe('a tenant with the AppID of another one and a wrong secret', () => {
  it.each<[string, () => { readonly store?: MemoryAccessTokenStore }]>([
    ['in this process', () => ({})],
    ['in a shared store', () => ({ store: new MemoryAccessTokenStore() })],
  ])('gets no token that is held %s', async (_, create) => {
    const shared = create();
    const optionsWith = (secret: string): WxCloudStorageOptions =>
      optionsOf(FIRST, {
        appid: undefined,
        secret: undefined,
        auth: { type: 'stable-token', appid: FIRST.appid, secret, ...shared },
      } as Partial<WxCloudStorageOptions>);
    const right = await registry.open('right', optionsWith(FIRST.secret));
    await right.upload('a.txt', 'x');
    const wrong = await registry.open('wrong', optionsWith('a-guess'));
    await expect(wrong.upload('b.txt', 'x')).rejects.toMatchObject({
      code: 'WX_CLOUD_CREDENTIAL_REFUSED',
    });
    await right.upload('c.txt', 'x');
    expect([...cloud.objects.keys()].map(path => path.slice(-5))).toEqual(['a.txt', 'c.txt']);
  });
});

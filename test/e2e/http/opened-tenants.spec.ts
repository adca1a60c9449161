import {
  type CanActivate,
  Controller,
  type ExecutionContext,
  Get,
  Injectable,
  Post,
  Query,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  FileId,
  WxCloudFileInterceptor,
  WxCloudFilePipe,
  WxCloudReplyInterceptor,
  WxCloudStorageRegistry,
  type WxCloudFile,
  type WxCloudHttpRequest,
  type WxCloudStorageOptions,
} from '../../../lib/index.js';
import { ADAPTERS } from '../../support/adapters.js';
import { FAST_RETRY, startApplication, type TestApplication } from '../../support/application.js';
import { makeForm, PNG, pngOfSize } from '../../support/forms.js';
import { startTenantCloud, type TenantCloud } from '../../support/tenant-cloud.js';
import { until } from '../../support/until.js';
import { encodeForm, openRequest } from './support/raw-request.js';

const TENANTS = Array.from({ length: 20 }, (_, index) => ({
  env: `prod-${index}`,
  appid: `wx-${index}`,
  secret: `secret-${index}`,
  bucket: `7072-prod-${index}-1300000000`,
}));

const nameOf = ({ headers }: WxCloudHttpRequest): string => `tenant-${String(headers['x-tenant'])}`;

/** Opens the instance of the tenant that a request names; a real one asks the session. */
@Injectable()
class TenantGuard implements CanActivate {
  constructor(private readonly registry: WxCloudStorageRegistry) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<WxCloudHttpRequest>();
    await this.registry.open(nameOf(request), optionsOf(Number(request.headers['x-tenant'])));
    return true;
  }
}

@Controller()
class TenantsController {
  @Post('guarded')
  @UseGuards(TenantGuard)
  @UseInterceptors(WxCloudFileInterceptor('photo', { storage: nameOf, path: () => 'in/a.png' }))
  create(@FileId() fileId: string) {
    return { fileId };
  }

  @Get('guarded')
  @UseGuards(TenantGuard)
  async link(@Query('fileId', WxCloudFilePipe.with({ storage: nameOf })) file: WxCloudFile) {
    return { url: await file.url() };
  }

  @Get('reply')
  @UseGuards(TenantGuard)
  @UseInterceptors(WxCloudReplyInterceptor({ storage: nameOf, path: () => 'out/a.png' }))
  reply() {
    return PNG;
  }

  @Post('open')
  @UseInterceptors(WxCloudFileInterceptor('photo', { storage: nameOf, path: () => 'in/a.png' }))
  createOpen(@FileId() fileId: string) {
    return { fileId };
  }
}

let cloud: TenantCloud;
let application: TestApplication;
let registry: WxCloudStorageRegistry;

function optionsOf(index: number): WxCloudStorageOptions {
  const { env, appid, secret } = TENANTS[index] ?? { env: '', appid: '', secret: '' };
  return { env, appid, secret, apiBaseUrl: cloud.url, retry: FAST_RETRY, maxConnections: 8 };
}

const send = async (method: string, path: string, tenant: number | string, body?: FormData) => {
  const headers = { 'x-tenant': String(tenant) };
  const response = await fetch(`${application.url}/${path}`, {
    method,
    headers,
    ...(body && { body }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
};
const post = (path: string, tenant: number) =>
  send('POST', path, tenant, makeForm([{ field: 'photo', file: PNG }]));

describe.each(ADAPTERS)('opened instances on $name', adapter => {
  beforeEach(async () => {
    cloud = await startTenantCloud(TENANTS);
    application = await startApplication({
      adapter,
      controllers: [TenantsController],
      providers: [TenantGuard],
    });
    registry = application.app.get(WxCloudStorageRegistry);
  });
  afterEach(async () => {
    await application.close();
    await cloud.close();
  });

  it('serve each request of many tenants at once with its own', async () => {
    const requests = TENANTS.map(async ({ env, bucket }, index) => {
      const { status, body } = await post('guarded', index);
      expect([status, body]).toEqual([201, { fileId: `cloud://${env}.${bucket}/in/a.png` }]);
      const own = await send('GET', `guarded?fileId=${String(body['fileId'])}`, index);
      expect(own).toMatchObject({ status: 200, body: { url: expect.stringContaining(bucket) } });
      const other = (index + 1) % TENANTS.length;
      const foreign = await send('GET', `guarded?fileId=${String(body['fileId'])}`, other);
      expect(foreign).toMatchObject({
        status: 400,
        body: { errorCode: 'WX_CLOUD_FILE_ID_INVALID' },
      });
      const reply = await send('GET', 'reply', index);
      expect(reply).toMatchObject({
        status: 200,
        body: { fileId: `cloud://${env}.${bucket}/out/a.png` },
      });
    });
    await Promise.all(requests);
    expect(cloud.crossings).toEqual([]);
    expect(cloud.objects.size).toBe(2 * TENANTS.length);
  });

  it('are not found before they are opened, nor once they are closed', async () => {
    const notFound = { status: 404, body: { errorCode: 'WX_CLOUD_INSTANCE_NOT_FOUND' } };
    expect(await post('open', 1)).toMatchObject(notFound);
    await registry.open('tenant-1', optionsOf(1));
    expect(await post('open', 1)).toMatchObject({ status: 201 });
    await registry.close('tenant-1');
    expect(await post('open', 1)).toMatchObject(notFound);
    expect(cloud.objects.size).toBe(1);
  });

  it('close after the form that still arrives, whose file stays', async () => {
    await registry.open('tenant-1', optionsOf(1));
    const content = pngOfSize(200_000);
    const form = encodeForm([{ field: 'photo', content, fileName: 'a.png' }]);
    const head = { path: '/open', length: form.byteLength, headers: { 'x-tenant': '1' } };
    const request = openRequest(application.url, head);
    request.send(form.subarray(0, 100_000));
    // Files are sent, or ask for their link, while they arrive.
    await until(() => cloud.tokenCalls.includes('wx-1'));
    let isClosed = false;
    const closing = registry.close('tenant-1').then(() => (isClosed = true));
    expect(await post('open', 1)).toMatchObject({ status: 503 });
    expect(isClosed).toBe(false);
    request.send(form.subarray(100_000));
    expect(await request.response).toMatch(/^HTTP\/1.1 201/);
    await closing;
    expect([...cloud.objects.keys()]).toEqual(['7072-prod-1-1300000000/in/a.png']);
    expect(await post('guarded', 1)).toMatchObject({ status: 201 });
  });
});

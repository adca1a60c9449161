import { ForbiddenException } from '@nestjs/common';
import { jest } from '@jest/globals';
import { rawRequestOf } from '../../../../lib/http/request-origin.js';
import {
  getWxCloudStorageToken,
  WxCloudStorageModule,
  type WxCloudHttpRequest,
  type WxCloudStorageService,
} from '../../../../lib/index.js';
import { startWxCloudEmulator, type WxCloudEmulator } from '../../../../lib/emulator/index.js';
import {
  FAST_RETRY,
  startApplication,
  type TestApplication,
  type TestApplicationParts,
} from '../../../support/application.js';
import { makeForm, PNG, type FormPart } from '../../../support/forms.js';

/** The header in which these tests send the name of a tenant, or of another choice below. */
const TENANT = 'x-tenant';

/** An application with two tenants and a default instance, each with a cloud of its own. */
export interface TenantsApplication extends TestApplication {
  /** The clouds of the tenants by name. */
  readonly clouds: Readonly<Record<'red' | 'blue', WxCloudEmulator>>;
  /** The service of a tenant. */
  readonly serviceOf: (tenant: 'red' | 'blue') => WxCloudStorageService;
  /** Sends a form, with a PNG unless it is given. */
  readonly post: (path: string, tenant: string, form?: readonly FormPart[]) => Promise<Response>;
  /** Sends a request without a body. */
  readonly get: (path: string, tenant: string) => Promise<Response>;
}

/** Functions of the request by the value of the header: those of two tenants, and failures. */
const choices: Record<string, (request: WxCloudHttpRequest) => unknown> = {
  red: () => 'red',
  blue: async () => Promise.resolve('blue'),
  unknown: () => 'green',
  empty: () => '',
  prototype: () => '__proto__',
  forbidden: () => {
    throw new ForbiddenException('not your tenant');
  },
  'forbidden-late': () => Promise.reject(new ForbiddenException('not your tenant')),
  broken: () => {
    throw new Error('the database is away: secret-of-the-database');
  },
  undefined: () => undefined,
  null: () => null,
  number: () => 7,
  object: () => ({ name: 'red' }),
};

/** Adds a choice. */
export function addChoice(name: string, choose: (request: WxCloudHttpRequest) => unknown): void {
  choices[name] = choose;
}

/** The function that is tested; remembers if the body of the request was read before. */
export const ofTenant = jest.fn((request: WxCloudHttpRequest): string => {
  wasRead.push(rawRequestOf(request).readableDidRead);
  return choices[String(request.headers[TENANT])]?.(request) as string;
});
/** For each call of the function: true when the body of its request was read before. */
export const wasRead: boolean[] = [];

/** Starts such an application. */
export async function startTenants(parts: TestApplicationParts): Promise<TenantsApplication> {
  const red = await startWxCloudEmulator({ env: 'red-env' });
  const blue = await startWxCloudEmulator({ env: 'blue-env' });
  const application = await startApplication({
    ...parts,
    imports: Object.entries({ red, blue }).map(([name, { options }]) =>
      WxCloudStorageModule.forRoot({ ...options, name, retry: FAST_RETRY }),
    ),
  });
  const { app, url } = application;
  const serviceOf = (tenant: string): WxCloudStorageService =>
    app.get<WxCloudStorageService>(getWxCloudStorageToken(tenant), { strict: false });
  addChoice('service', () => serviceOf('red'));
  return {
    ...application,
    clouds: { red, blue },
    serviceOf,
    post: (path, tenant, form = [{ field: 'photo', file: PNG }]) =>
      fetch(`${url}/${path}`, {
        method: 'POST',
        body: makeForm(form),
        headers: { [TENANT]: tenant },
      }),
    get: (path, tenant) => fetch(`${url}/${path}`, { headers: { [TENANT]: tenant } }),
    close: async () => {
      await application.close();
      await red.close();
      await blue.close();
    },
  };
}

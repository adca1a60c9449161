import { describe, expect, it, jest } from '@jest/globals';
import type { ApplicationInstances, Instance } from '../../../lib/http/application-registry.js';
import type { WxCloudHttpRequest } from '../../../lib/http/request-origin.js';
import { registerService } from '../../../lib/http/storage-services.js';
import {
  chooseInstance,
  type WxCloudStorageChooser,
  type WxCloudStorageOption,
} from '../../../lib/http/storage-option.js';
import { OperationRegistry } from '../../../lib/operations/operation-registry.js';
import type { StorageContext } from '../../../lib/storage/storage-context.js';

/** An instance with as much of a context as a choice uses. */
function makeInstance(): Instance {
  const context = { operations: new OperationRegistry(1_000) } as StorageContext;
  return { context, files: {} as Instance['files'], service: {} };
}

const [red, blue, fake] = [makeInstance(), makeInstance(), makeInstance()];
const instances: ApplicationInstances = {
  known: new Map([
    ['red', red],
    ['blue', blue],
  ]),
  bare: new Map([['fake', fake]]),
  closing: new Set(['old']),
};
const subject = 'option "storage" of X';

const choose = (chooser: (...given: never[]) => unknown, request: object = { headers: {} }) =>
  chooseInstance(chooser as WxCloudStorageChooser, {
    request: request as WxCloudHttpRequest,
    instances,
    subject,
  });

describe('chooseInstance', () => {
  it.each<[string, () => unknown, Instance]>([
    ['a name', () => 'red', red],
    ['a promise of a name', async () => Promise.resolve('blue'), blue],
    ['the name of a service without the module', () => 'fake', fake],
    ['a service', () => red.service, red],
    ['a promise of a service', async () => Promise.resolve(blue.service), blue],
  ])('takes %s', async (_, chooser, instance) => {
    expect(await choose(chooser)).toBe(instance);
  });

  it('takes a service of this package that has no name here, as the same instance each time', async () => {
    const service = {};
    registerService(service, makeInstance().context);
    const [first, second] = [await choose(() => service), await choose(() => service)];
    expect(first.service).toBe(service);
    expect(second).toBe(first);
  });

  it('takes a fake with a method of the service, as the same instance each time', async () => {
    const fakeService = { upload: async () => ({ fileId: 'cloud://env.bucket/a' }) };
    const [first, second] = [await choose(() => fakeService), await choose(() => fakeService)];
    expect(first.service).toBe(fakeService);
    expect(second).toBe(first);
  });

  it('asks a function once for a request, also while it is being asked, and each one for itself', async () => {
    const request = { headers: {} };
    const chooser = jest.fn(async (_request: object) => Promise.resolve('red'));
    const found = await Promise.all([choose(chooser, request), choose(chooser, request)]);
    expect([...found, await choose(chooser, request)]).toEqual([red, red, red]);
    expect(chooser).toHaveBeenCalledTimes(1);
    expect(chooser).toHaveBeenCalledWith(request);
    expect(await choose(() => 'blue', request)).toBe(blue);
    await choose(chooser, { headers: {} });
    expect(chooser).toHaveBeenCalledTimes(2);
  });

  it('stays with its choice, even when the function would choose another or fail', async () => {
    const request = { headers: {} };
    const chooser = jest.fn(() => 'red').mockReturnValueOnce('blue');
    expect([await choose(chooser, request), await choose(chooser, request)]).toEqual([blue, blue]);
    const failing = jest.fn(() => 'red').mockReturnValueOnce('green');
    await expect(choose(failing, request)).rejects.toThrow('no instance "green"');
    await expect(choose(failing, request)).rejects.toThrow('no instance "green"');
    expect(failing).toHaveBeenCalledTimes(1);
  });

  it('knows a request of Fastify by the one behind it', async () => {
    const raw = { headers: {} };
    const chooser = jest.fn(() => 'red');
    await choose(chooser, { headers: {}, raw });
    await choose(chooser, { headers: {}, raw });
    expect(chooser).toHaveBeenCalledTimes(1);
  });

  it('counts as a use of the instance, which is closed when it is idle', async () => {
    const touch = jest.spyOn(red.context.operations, 'touch');
    await choose(() => 'red');
    expect(touch).toHaveBeenCalledTimes(1);
  });

  it.each(['green', '', '__proto__', 'constructor', 'RED'])(
    'rejects a name without an instance, and lists no others: %j',
    async name => {
      const choosing = choose(() => name);
      await expect(choosing).rejects.toMatchObject({
        code: 'WX_CLOUD_INSTANCE_NOT_FOUND',
        message: expect.stringContaining(JSON.stringify(name)),
      });
      await expect(choosing).rejects.toMatchObject({
        message: expect.not.stringMatching(/\b(?:red|blue|fake)\b/),
      });
    },
  );

  it('rejects the name of an instance that is being closed with an error to try again', async () => {
    await expect(choose(() => 'old')).rejects.toMatchObject({
      code: 'WX_CLOUD_STORAGE_CLOSED',
      retryable: true,
    });
  });

  it.each<[unknown, string]>([
    [undefined, 'undefined'],
    [null, 'null'],
    [7, 'number'],
    [true, 'boolean'],
    [{ upload: 'no method', name: 'red' }, 'object'],
    [['red'], 'object'],
    [() => 'red', 'function'],
  ])('rejects another result, without naming it: %j', async (result, type) => {
    await expect(choose(() => result)).rejects.toMatchObject({
      code: 'WX_CLOUD_OPTIONS_INVALID',
      option: 'storage',
      message: expect.stringContaining(
        `${subject} must be a function that returns the name of an instance or a WxCloudStorageService; it returned ${type}.`,
      ),
    });
  });

  it('passes on what the function throws', async () => {
    const error = new Error('not yours');
    await expect(
      choose(() => {
        throw error;
      }),
    ).rejects.toBe(error);
    await expect(choose(async () => Promise.reject(error))).rejects.toBe(error);
  });
});

describe('WxCloudStorageOption', () => {
  it("is written for Express' requests, Fastify's, or those of an application", () => {
    type Express = WxCloudHttpRequest & { readonly hostname: string };
    type Fastify = WxCloudHttpRequest & { readonly routeOptions: { readonly url?: string } };
    type SignedIn = Express & { readonly tenant: string };
    const options: readonly WxCloudStorageOption[] = [
      'archive',
      request => String(request.headers['x-tenant']),
      async (request: Express) => Promise.resolve(request.hostname),
      (request: Fastify) => String(request.routeOptions.url),
      ({ tenant }: SignedIn) => tenant,
    ];
    const ofTenant: WxCloudStorageChooser<SignedIn> = ({ tenant }) => tenant;
    // @ts-expect-error a number is no name
    const wrong: WxCloudStorageOption = () => 7;
    expect([...options, ofTenant, wrong]).toHaveLength(7);
  });
});

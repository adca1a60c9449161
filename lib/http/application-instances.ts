import type { FactoryProvider } from '@nestjs/common';
import { HttpAdapterHost, type AbstractHttpAdapter } from '@nestjs/core';
import { OptionsInvalidError } from '../errors/index.js';
import type { StorageContext } from '../storage/index.js';
import { noteOrigins, originOf } from './request-origin.js';

/** The name under which the instance without one is kept. */
export const DEFAULT_INSTANCE = 'default';

/** The instances of one application by their names. */
type Instances = Map<string, StorageContext>;

/** Keyed by the host that Nest injects everywhere, also before the adapter is there. */
const byHost = new WeakMap<object, Instances>();
/** Keyed by the adapter's application, to which a request leads: all that a storage engine gets to see. */
const byApplication = new WeakMap<object, Instances>();

/** Makes an instance known to its application, as soon as Nest initialises its module. */
class InstanceRegistrar {
  readonly #host: HttpAdapterHost | undefined;

  constructor(host: HttpAdapterHost | undefined, name: string, context: StorageContext) {
    this.#host = host;
    if (host === undefined) return;
    const instances = byHost.get(host) ?? new Map<string, StorageContext>();
    byHost.set(host, instances);
    if (instances.has(name)) {
      throw new OptionsInvalidError({
        option: 'name',
        expected: `different for every instance; there are two called "${name}"`,
        remedy: 'Import one module in both places (isGlobal), or give one of them a name.',
      });
    }
    instances.set(name, context);
  }

  /** By now the adapter is there, which it is not while a testing module is compiled. */
  onModuleInit(): void {
    const instances = this.#host && byHost.get(this.#host);
    const adapter: AbstractHttpAdapter | undefined = this.#host?.httpAdapter;
    // Without HTTP, as in a microservice, Nest's stand-in of an adapter has no application.
    const application: unknown = adapter?.getInstance();
    if (instances === undefined || adapter === undefined || !isKey(application)) return;
    byApplication.set(application, instances);
    noteOrigins(adapter);
  }
}

/** The provider that makes an instance known to its application. */
export function registrarProvider(context: symbol, name = DEFAULT_INSTANCE): FactoryProvider {
  return {
    provide: InstanceRegistrar,
    inject: [context, { token: HttpAdapterHost, optional: true }],
    useFactory: (found: StorageContext, host?: HttpAdapterHost) =>
      new InstanceRegistrar(host, name, found),
  };
}

/** Finds an instance of the application that a host belongs to. @throws {@link OptionsInvalidError} when there is none */
export function findInstance(host: HttpAdapterHost, name = DEFAULT_INSTANCE): StorageContext {
  return byHost.get(host)?.get(name) ?? fail(name);
}

/** Finds an instance of the application that a request came to. @throws {@link OptionsInvalidError} when there is none */
export function findInstanceOfRequest(request: object, name = DEFAULT_INSTANCE): StorageContext {
  return byApplication.get(originOf(request).application)?.get(name) ?? fail(name);
}

function isKey(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

function fail(name: string): never {
  throw new OptionsInvalidError({
    option: 'storage',
    expected: `the name of an instance; there is none called "${name}"`,
    remedy: 'Import WxCloudStorageModule.forRoot or forRootAsync with that name.',
  });
}

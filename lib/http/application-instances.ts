import { Server } from 'node:net';
import type {
  BeforeApplicationShutdown,
  FactoryProvider,
  OnApplicationShutdown,
  OnModuleDestroy,
  OnModuleInit,
  Type,
} from '@nestjs/common';
import { HttpAdapterHost, type AbstractHttpAdapter } from '@nestjs/core';
import { OptionsInvalidError } from '../errors/index.js';
import type { StorageContext } from '../storage/index.js';
import type { WxCloudFileSource } from '../wx-cloud-file.js';
import { UploadProgressHub } from './progress/upload-progress-hub.js';
import { noteOrigins, originOf } from './request-origin.js';
import { ServerConnections } from './server-connections.js';

/** The name under which the instance without one is kept. */
export const DEFAULT_INSTANCE = 'default';

/** What is known of an instance. */
export interface Instance {
  /** What its operations share. */
  readonly context: StorageContext;
  /** What handles for its files work with. */
  readonly files: WxCloudFileSource;
}

/** What an application has once. */
interface ApplicationParts {
  /** Its instances by their names. */
  readonly instances: Map<string, Instance>;
  /** Whom the progress of its uploads is told to. */
  readonly progress: UploadProgressHub;
  /** Those of its server; undefined where it has none. */
  connections?: ServerConnections;
}

/** Keyed by the host that Nest injects everywhere, also before the adapter is there. */
const byHost = new WeakMap<object, ApplicationParts>();
/** Keyed by the adapter's application, to which a request leads: all that a storage engine gets to see. */
const byApplication = new WeakMap<object, ApplicationParts>();

/**
 * Makes an instance known to its application, as soon as Nest initialises its module. Of the
 * shutdown it hears first, so that all instances of the application end what they do at the same
 * time.
 */
class InstanceRegistrar
  implements OnModuleInit, OnModuleDestroy, BeforeApplicationShutdown, OnApplicationShutdown
{
  readonly #host: HttpAdapterHost | undefined;

  constructor(host: HttpAdapterHost | undefined, name: string, instance: Instance) {
    this.#host = host;
    if (host === undefined) return;
    const { instances } = partsOf(host);
    if (instances.has(name)) {
      throw new OptionsInvalidError({
        option: 'name',
        expected: `different for every instance; there are two called "${name}"`,
        remedy: 'Import one module in both places (isGlobal), or give one of them a name.',
      });
    }
    instances.set(name, instance);
  }

  /** By now the adapter is there, which it is not while a testing module is compiled. */
  onModuleInit(): void {
    const parts = this.#parts;
    // Null where the application serves no HTTP, as a worker does.
    const adapter: AbstractHttpAdapter | null | undefined = this.#host?.httpAdapter;
    const application: unknown = adapter?.getInstance();
    if (parts === undefined || !adapter || !isKey(application)) return;
    byApplication.set(application, parts);
    noteOrigins(adapter);
    const server: unknown = adapter.getHttpServer();
    if (server instanceof Server) parts.connections ??= new ServerConnections(server);
  }

  /** The first of Nest's hooks of a shutdown; it is not waited for here. */
  onModuleDestroy(): void {
    const parts = this.#parts;
    parts?.connections?.startClosing();
    for (const { context } of parts?.instances.values() ?? []) context.operations.startClosing();
  }

  /** The last hook before Nest closes the server. */
  async beforeApplicationShutdown(): Promise<void> {
    const parts = this.#parts;
    const instances = [...(parts?.instances.values() ?? [])];
    await Promise.all(instances.map(({ context }) => context.operations.drain()));
    parts?.connections?.closeSessions();
  }

  /** The server is closed. */
  onApplicationShutdown(): void {
    this.#parts?.connections?.stop();
  }

  get #parts(): ApplicationParts | undefined {
    return this.#host && byHost.get(this.#host);
  }
}

/** The tokens of what an instance is made of. */
export interface InstanceTokens {
  /** That of its context. */
  readonly context: symbol;
  /** That of its service. */
  readonly service: symbol | Type<WxCloudFileSource>;
}

/** The provider that makes an instance known to its application. */
export function registrarProvider(
  { context, service }: InstanceTokens,
  name = DEFAULT_INSTANCE,
): FactoryProvider {
  return {
    provide: InstanceRegistrar,
    inject: [context, service, { token: HttpAdapterHost, optional: true }],
    useFactory: (found: StorageContext, files: WxCloudFileSource, host?: HttpAdapterHost) =>
      new InstanceRegistrar(host, name, { context: found, files }),
  };
}

/** Finds an instance of the application that a host belongs to. @throws {@link OptionsInvalidError} when there is none */
export function findInstance(host: HttpAdapterHost, name = DEFAULT_INSTANCE): Instance {
  return byHost.get(host)?.instances.get(name) ?? fail(name);
}

/** Finds an instance of the application that a request came to. @throws {@link OptionsInvalidError} when there is none */
export function findInstanceOfRequest(request: object, name = DEFAULT_INSTANCE): Instance {
  return partsOfRequest(request)?.instances.get(name) ?? fail(name);
}

/** Whom the progress of an application's uploads is told to. */
export function findProgressHub(host: HttpAdapterHost): UploadProgressHub {
  return partsOf(host).progress;
}

/** The same, by a request that came to the application; undefined when it has no instance. */
export function findProgressHubOfRequest(request: object): UploadProgressHub | undefined {
  return partsOfRequest(request)?.progress;
}

function partsOf(host: HttpAdapterHost): ApplicationParts {
  const known = byHost.get(host);
  if (known !== undefined) return known;
  const parts = { instances: new Map<string, Instance>(), progress: new UploadProgressHub() };
  byHost.set(host, parts);
  return parts;
}

function partsOfRequest(request: object): ApplicationParts | undefined {
  return byApplication.get(originOf(request).application);
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

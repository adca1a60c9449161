import { Server } from 'node:net';
import {
  type BeforeApplicationShutdown,
  type FactoryProvider,
  Logger,
  type OnApplicationShutdown,
  type OnModuleDestroy,
  type OnModuleInit,
  type Type,
} from '@nestjs/common';
import { type AbstractHttpAdapter, HttpAdapterHost, type ModulesContainer } from '@nestjs/core';
import { LOG_CONTEXT } from '../diagnostics.js';
import { OptionsInvalidError } from '../errors/errors.js';
import {
  acceptAnyFileId,
  createDetachedContext,
  FailedContext,
  type StorageContext,
} from '../storage/storage-context.js';
import type { WxCloudFileSource } from '../storage/wx-cloud-file.js';
import { originOf, recordOrigins } from './request-origin.js';
import { ServerConnections } from './server-connections.js';
import {
  contextOf,
  DEFAULT_INSTANCE,
  fileSourceOf,
  isServiceLike,
  nameOfService,
  serviceTokenOf,
  throughService,
} from './storage-services.js';
import { UploadProgressHub } from './upload-progress-hub.js';

/** The module's context; a {@link FailedContext} when the options are invalid. */
type ModuleContext = StorageContext | FailedContext;

/** An instance of the module in one application. */
export interface Instance {
  /** The state that its operations share. */
  readonly context: StorageContext;
  /** The source that its file handles use. */
  readonly files: WxCloudFileSource;
  /** Its service; a fake in a test. */
  readonly service: object;
}

/** The instances of an application, for one that opens and closes some at run time. */
export interface InstanceList {
  /** Returns the instance with a name; undefined without one. */
  find(name: string): Instance | undefined;
  /** Adds an instance under a name that no other one has. */
  add(name: string, service: object, context: StorageContext): void;
  /** Hides an instance that was added from requests, as it is being closed. */
  hide(name: string): void;
  /** Removes an instance that was added, and is closed. */
  remove(name: string): void;
}

/** The instances of one application, for a choice at the time of a request. */
export interface ApplicationInstances {
  /** Those of the modules, and those that were opened later, by name. */
  readonly known: ReadonlyMap<string, Instance>;
  /** Services that are provided without the module, by name. */
  readonly bare: ReadonlyMap<string, Instance>;
  /** The names of instances that are being closed. */
  readonly closing: ReadonlySet<string>;
}

/** The state of one application. */
interface ApplicationParts {
  /** Instances by name. */
  readonly instances: Map<string, Instance>;
  /** Services that are provided without the module, as tests do. */
  readonly bare: Map<string, Instance>;
  /** The names of instances that are being closed. */
  readonly closing: Set<string>;
  /** True once all services without the module are in `bare`. */
  hasAllBare: boolean;
  /** Publishes the progress of uploads. */
  readonly progress: UploadProgressHub;
  /** Objects of which an application has one, by injection token. */
  readonly singletons: Map<symbol, object>;
  /** The connections of the server; undefined without a server. */
  connections?: ServerConnections;
}

/** Keyed by the host that Nest injects everywhere, which exists before the adapter. */
const byHost = new WeakMap<object, ApplicationParts>();
/**
 * Keyed by the adapter's application, which is reachable from a request: a storage engine gets
 * nothing else.
 */
const byApplication = new WeakMap<object, ApplicationParts>();
/** Services that no application has by name. */
const elsewhere = new WeakMap<object, Instance>();

/**
 * Registers an instance with its application as soon as Nest instantiates its module. It is also
 * the first to learn of a shutdown, so that all instances of the application finish their work at
 * the same time.
 */
class InstanceRegistrar
  implements OnModuleInit, OnModuleDestroy, BeforeApplicationShutdown, OnApplicationShutdown
{
  readonly #host: HttpAdapterHost | undefined;

  constructor(
    host: HttpAdapterHost | undefined,
    name: string,
    context: ModuleContext,
    service: object,
  ) {
    this.#host = host;
    const own = context instanceof FailedContext ? undefined : context;
    if (host === undefined) return;
    const { instances, progress } = partsOf(host);
    if (instances.has(name)) {
      throw new OptionsInvalidError({
        option: 'name',
        expected: `unique; two instances have the name "${name}"`,
        remedy: 'Import one module in both places (isGlobal), or give one of them a name.',
      });
    }
    assertService(service);
    instances.set(name, toInstance(service, own));
    if (own?.replicas !== undefined) progress.addReplicas(own.replicas);
  }

  /** The adapter exists by now, which it does not yet while a testing module is compiled. */
  onModuleInit(): void {
    const parts = this.#parts;
    // Null where the application serves no HTTP, as in a worker.
    const adapter: AbstractHttpAdapter | null | undefined = this.#host?.httpAdapter;
    const application: unknown = adapter?.getInstance();
    if (parts === undefined || !adapter || !isKey(application)) return;
    byApplication.set(application, parts);
    recordOrigins(adapter);
    const server: unknown = adapter.getHttpServer();
    if (server instanceof Server) parts.connections ??= new ServerConnections(server);
  }

  /** The first hook of a shutdown; the work that it starts is awaited in a later hook. */
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

  /** Runs after the server was closed. */
  onApplicationShutdown(): void {
    this.#parts?.connections?.stop();
  }

  get #parts(): ApplicationParts | undefined {
    return this.#host && byHost.get(this.#host);
  }
}

/** Creates the provider that registers an instance with its application. */
export function registrarProvider(
  contextToken: symbol,
  serviceToken: symbol | Type<WxCloudFileSource>,
  name = DEFAULT_INSTANCE,
): FactoryProvider {
  return {
    provide: InstanceRegistrar,
    inject: [contextToken, serviceToken, { token: HttpAdapterHost, optional: true }],
    useFactory: (context: ModuleContext, service: object, host?: HttpAdapterHost) =>
      new InstanceRegistrar(host, name, context, service),
  };
}

/**
 * Finds an instance in the application of a host: the module's, or a service that is provided
 * without the module.
 * @throws {@link OptionsInvalidError} when there is none
 */
export function findInstance(
  host: HttpAdapterHost,
  name = DEFAULT_INSTANCE,
  modules?: ModulesContainer,
): Instance {
  const { instances, bare } = partsOf(host);
  const known = instances.get(name) ?? bare.get(name) ?? findBare(bare, name, modules);
  if (known !== undefined) return known;
  return wrappersOf(modules, serviceTokenOf(name)).length > 0 ? failScoped(name) : fail(name);
}

function findBare(
  bare: Map<string, Instance>,
  name: string,
  modules: ModulesContainer | undefined,
): Instance | undefined {
  const service = lookUp(modules, serviceTokenOf(name));
  if (!isKey(service)) return undefined;
  const instance = toInstance(service);
  bare.set(name, instance);
  return instance;
}

/** Finds the provider of a token anywhere in the application; undefined when there is none. */
function lookUp(
  modules: ModulesContainer | undefined,
  token: ReturnType<typeof serviceTokenOf>,
): unknown {
  // Request-scoped and transient providers have no instance yet.
  return wrappersOf(modules, token).find(
    wrapper => wrapper.isDependencyTreeStatic() && !wrapper.isTransient,
  )?.instance;
}

function wrappersOf(
  modules: ModulesContainer | undefined,
  token: ReturnType<typeof serviceTokenOf>,
) {
  if (token === undefined) return [];
  return [...(modules?.values() ?? [])].flatMap(({ providers }) => providers.get(token) ?? []);
}

/**
 * Wraps a service, which may be a fake. A fake gets the limits of the module's options, if these
 * are valid.
 */
function toInstance(service: object, ofModule?: StorageContext): Instance {
  const context = contextOf(service) ?? contextForFake(ofModule);
  return { context: throughService(context, service), files: fileSourceOf(service), service };
}

function contextForFake(ofModule: StorageContext | undefined): StorageContext {
  if (ofModule !== undefined) return acceptAnyFileId(ofModule);
  return createDetachedContext(new Logger(LOG_CONTEXT));
}

/**
 * Finds an instance in the application that received a request.
 * @throws {@link OptionsInvalidError} when there is none
 */
export function findInstanceOfRequest(request: object, name = DEFAULT_INSTANCE): Instance {
  return partsOfRequest(request)?.instances.get(name) ?? fail(name);
}

/** Returns the instances in the application of a host. */
export function instancesOfHost(
  host: HttpAdapterHost,
  modules?: ModulesContainer,
): ApplicationInstances {
  const parts = partsOf(host);
  const { instances: known, bare } = parts;
  if (!parts.hasAllBare && modules !== undefined) {
    // Only once: a search for each name that clients send would take long.
    parts.hasAllBare = true;
    const names = [...modules.values()].flatMap(({ providers }) =>
      [...providers.keys()].flatMap(token => nameOfService(token) ?? []),
    );
    for (const name of names) if (!known.has(name)) findBare(bare, name, modules);
  }
  return listed(parts);
}

/** The instances of a request whose application does not import the module. */
const NONE: ApplicationInstances = { known: new Map(), bare: new Map(), closing: new Set() };

function listed({ instances: known, bare, closing }: ApplicationParts): ApplicationInstances {
  return { known, bare, closing };
}

/** Returns the instances in the application that received a request. */
export function instancesOfRequest(request: object): ApplicationInstances {
  const parts = partsOfRequest(request);
  return parts === undefined ? NONE : listed(parts);
}

/** Returns any instance of an application; undefined when it has none. */
export function anyInstance({ known, bare }: ApplicationInstances): Instance | undefined {
  return [...known.values(), ...bare.values()][0];
}

/**
 * Wraps a service that is not the one of an instance here, or a fake of a test; undefined for any
 * other object.
 */
export function instanceOf(service: object): Instance | undefined {
  const known = elsewhere.get(service);
  if (known !== undefined || !isServiceLike(service)) return known;
  const instance = toInstance(service);
  elsewhere.set(service, instance);
  return instance;
}

/** Returns the progress hub of an application. */
export function findProgressHub(host: HttpAdapterHost): UploadProgressHub {
  return partsOf(host).progress;
}

/**
 * Returns the progress hub of the application that received a request; undefined when that
 * application has no instance.
 */
export function findProgressHubOfRequest(request: object): UploadProgressHub | undefined {
  return partsOfRequest(request)?.progress;
}

function partsOf(host: HttpAdapterHost): ApplicationParts {
  const known = byHost.get(host);
  if (known !== undefined) return known;
  const parts: ApplicationParts = {
    instances: new Map(),
    bare: new Map(),
    closing: new Set(),
    hasAllBare: false,
    progress: new UploadProgressHub(),
    singletons: new Map(),
  };
  byHost.set(host, parts);
  return parts;
}

/**
 * Creates the provider of an object that an application has once, however many modules provide it.
 */
export function singletonProvider<T extends object>(
  token: symbol,
  create: (instances: InstanceList) => T,
): FactoryProvider<T> {
  return {
    provide: token,
    inject: [{ token: HttpAdapterHost, optional: true }],
    useFactory: (host: HttpAdapterHost = new HttpAdapterHost()) => {
      const parts = partsOf(host);
      const known = parts.singletons.get(token) as T | undefined;
      const made = known ?? create(listOf(parts));
      parts.singletons.set(token, made);
      return made;
    },
  };
}

function listOf({ instances, closing, progress }: ApplicationParts): InstanceList {
  return {
    find: name => instances.get(name),
    add: (name, service, context) => {
      instances.set(name, toInstance(service, context));
      if (context.replicas !== undefined) progress.addReplicas(context.replicas);
    },
    hide: name => {
      const replicas = instances.get(name)?.context.replicas;
      instances.delete(name);
      closing.add(name);
      if (replicas !== undefined) progress.removeReplicas(replicas);
    },
    remove: name => void closing.delete(name),
  };
}

function partsOfRequest(request: object): ApplicationParts | undefined {
  return byApplication.get(originOf(request).application);
}

/**
 * Rejects a service that a test has overridden with a value that is not an object, such as a
 * variable that is not set yet.
 */
function assertService(service: unknown): void {
  if (isKey(service)) return;
  throw new OptionsInvalidError({
    option: 'service',
    subject: 'WxCloudStorageModule: the service that replaces WxCloudStorageService',
    expected: `an object with the methods that are called, not ${service === null ? 'null' : typeof service}`,
    remedy: 'Check the value that overrideProvider() gets, and when it is set.',
  });
}

function isKey(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

function fail(name: string): never {
  throw new OptionsInvalidError({
    option: 'storage',
    expected: `the name of an instance; there is no instance "${name}"`,
    remedy: 'Import WxCloudStorageModule.forRoot or forRootAsync with that name.',
  });
}

function failScoped(name: string): never {
  throw new OptionsInvalidError({
    option: 'storage',
    expected: `the name of a singleton instance; "${name}" is created for each request or injection`,
    remedy: 'Neither it nor the dependencies of its options may have such a scope, as REQUEST has.',
  });
}

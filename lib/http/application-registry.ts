import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
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
import { ServerConnections } from './server-connections.js';
import {
  contextOf,
  DEFAULT_INSTANCE,
  fileSourceOf,
  serviceTokenOf,
  throughService,
} from './storage-services.js';
import { UploadProgressHub } from './upload-progress-hub.js';

/**
 * What this package notes of a request, which is not its own object. A property rather than a
 * WeakMap: the garbage collector goes through all of a map's entries again and again, which took a
 * twentieth of what a small upload costs.
 */
export class RequestProperty<T> {
  readonly #key: symbol;

  /** The description is seen by whoever prints a request. */
  constructor(description: string) {
    this.#key = Symbol(`wx-cloud-storage.${description}`);
  }

  /** What was noted; undefined when nothing was. */
  read(request: object): T | undefined {
    return (request as Record<symbol, T | undefined>)[this.#key];
  }

  /** Notes it, in place of what was noted before. */
  write(request: object, value: T): void {
    (request as Record<symbol, T>)[this.#key] = value;
  }
}

/**
 * What the requests of all adapters have in common: Express' `Request` or Fastify's
 * `FastifyRequest`, as it is.
 */
export interface WxCloudHttpRequest {
  /** The headers, by their names in lower case. */
  readonly headers: IncomingHttpHeaders;
  /** The text fields of the form that came before the file. */
  readonly body?: unknown;
}

/**
 * Where a request came to, and where its answer goes: a storage engine gets the request alone, and
 * needs both.
 */
interface RequestOrigin {
  /** The adapter's application. */
  readonly application: object;
  /** Node's response. */
  readonly response: ServerResponse;
}

/** The part of Fastify's instance that is used. */
interface HookedApplication {
  addHook(
    name: 'onRequest',
    hook: (request: object, reply: { readonly raw: ServerResponse }, done: () => void) => void,
  ): unknown;
}

/** The module's context, if its options are right. */
type MadeContext = StorageContext | FailedContext;

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
  /** Services that it provides without the module, as tests do. */
  readonly bare: Map<string, Instance>;
  /** Whom the progress of its uploads is told to. */
  readonly progress: UploadProgressHub;
  /** Those of its server; undefined where it has none. */
  connections?: ServerConnections;
}

/** Of Fastify's requests. */
const originProperty = new RequestProperty<RequestOrigin>('origin');
const hooked = new WeakSet<object>();

/** Keyed by the host that Nest injects everywhere, also before the adapter is there. */
const byHost = new WeakMap<object, ApplicationParts>();
/**
 * Keyed by the adapter's application, to which a request leads: all that a storage engine gets to
 * see.
 */
const byApplication = new WeakMap<object, ApplicationParts>();

/**
 * Prepares an adapter, before it starts, so that {@link originOf} knows its requests. Express'
 * requests lead to their application and response by themselves, Fastify's to neither.
 */
function noteOrigins(adapter: AbstractHttpAdapter): void {
  const application: HookedApplication = adapter.getInstance();
  if (adapter.getType() !== 'fastify' || hooked.has(application)) return;
  hooked.add(application);
  application.addHook('onRequest', (request, reply, done) => {
    originProperty.write(request, { application, response: reply.raw });
    done();
  });
}

/**
 * Finds out where a request came to.
 * @throws {@link OptionsInvalidError} when its application does not have this module
 */
export function originOf(request: object): RequestOrigin {
  const known = originProperty.read(request);
  if (known !== undefined) return known;
  const { app, res } = request as { readonly app?: object; readonly res?: ServerResponse };
  if (app !== undefined && res !== undefined) return { application: app, response: res };
  throw new OptionsInvalidError({
    option: 'storage',
    expected: 'an instance of the application that the request came to; that has none',
    remedy: 'Import WxCloudStorageModule.forRoot or forRootAsync in it.',
  });
}

/** Node's response behind the one that an adapter hands to interceptors. */
export function rawResponseOf(
  response: ServerResponse | { readonly raw: ServerResponse },
): ServerResponse {
  return 'raw' in response ? response.raw : response;
}

/** Node's request behind an adapter's. */
export function rawRequestOf(request: object): IncomingMessage {
  return 'raw' in request ? (request.raw as IncomingMessage) : (request as IncomingMessage);
}

/**
 * Makes an instance known to its application, as soon as Nest initialises its module. Of the
 * shutdown it hears first, so that all instances of the application end what they do at the same
 * time.
 */
class InstanceRegistrar
  implements OnModuleInit, OnModuleDestroy, BeforeApplicationShutdown, OnApplicationShutdown
{
  readonly #host: HttpAdapterHost | undefined;

  constructor(
    host: HttpAdapterHost | undefined,
    name: string,
    context: MadeContext,
    service: object,
  ) {
    this.#host = host;
    const own = context instanceof FailedContext ? undefined : context;
    if (host === undefined) return;
    const { instances } = partsOf(host);
    if (instances.has(name)) {
      throw new OptionsInvalidError({
        option: 'name',
        expected: `different for every instance; there are two called "${name}"`,
        remedy: 'Import one module in both places (isGlobal), or give one of them a name.',
      });
    }
    assertService(service);
    instances.set(name, toInstance(service, own));
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

/** The provider that makes an instance known to its application. */
export function registrarProvider(
  contextToken: symbol,
  serviceToken: symbol | Type<WxCloudFileSource>,
  name = DEFAULT_INSTANCE,
): FactoryProvider {
  return {
    provide: InstanceRegistrar,
    inject: [contextToken, serviceToken, { token: HttpAdapterHost, optional: true }],
    useFactory: (context: MadeContext, service: object, host?: HttpAdapterHost) =>
      new InstanceRegistrar(host, name, context, service),
  };
}

/**
 * Finds an instance of the application that a host belongs to: the module's, or a service that is
 * provided without the module. @throws {@link OptionsInvalidError} when there is none
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

/** Finds the instance for a token anywhere in the application; undefined when there is none. */
function lookUp(
  modules: ModulesContainer | undefined,
  token: ReturnType<typeof serviceTokenOf>,
): unknown {
  // One that is made for each request, or for each injection, is not there yet.
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
 * The instance of a service, which may be a fake: that has the limits of the module's options, if
 * they are right.
 */
function toInstance(service: object, ofModule?: StorageContext): Instance {
  const context = contextOf(service) ?? contextForFake(ofModule);
  return { context: throughService(context, service), files: fileSourceOf(service) };
}

function contextForFake(ofModule: StorageContext | undefined): StorageContext {
  if (ofModule !== undefined) return acceptAnyFileId(ofModule);
  return createDetachedContext(new Logger(LOG_CONTEXT));
}

/**
 * Finds an instance of the application that a request came to.
 * @throws {@link OptionsInvalidError} when there is none
 */
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
  const parts: ApplicationParts = {
    instances: new Map(),
    bare: new Map(),
    progress: new UploadProgressHub(),
  };
  byHost.set(host, parts);
  return parts;
}

function partsOfRequest(request: object): ApplicationParts | undefined {
  return byApplication.get(originOf(request).application);
}

/** A test may have overridden it with what is not there yet. */
function assertService(service: unknown): void {
  if (isKey(service)) return;
  throw new OptionsInvalidError({
    option: 'service',
    subject: 'WxCloudStorageModule: the service in place of WxCloudStorageService',
    expected: `an object with the methods that are called, not ${service === null ? 'null' : typeof service}`,
    remedy: 'Look at what overrideProvider() is given, and when.',
  });
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

function failScoped(name: string): never {
  throw new OptionsInvalidError({
    option: 'storage',
    expected: `the name of an instance that is made once; "${name}" is made for each request or injection`,
    remedy: 'Neither it nor what its options inject may have such a scope, as REQUEST has.',
  });
}

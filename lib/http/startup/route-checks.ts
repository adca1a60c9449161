import { Inject, Injectable, type OnModuleInit, Optional } from '@nestjs/common';
import {
  type AbstractHttpAdapter,
  ApplicationConfig,
  HttpAdapterHost,
  ModulesContainer,
} from '@nestjs/core';
import { FILE_ID_DECORATORS } from '../upload/file-id.decorator.js';
import { prepareForForms } from '../upload/receive-upload.js';
import {
  countEngines,
  type EnhancerFacts,
  factsOf,
  instancesOf,
  isEngine,
  isUpload,
  namingSubject,
  type UploadFacts,
} from './enhancers.js';
import { filesElsewhere, misuse, noInterceptor, takesField, unknownField } from './route-misuse.js';
import { type Route, type RouteParameter, routesOf } from './routes.js';

/** Nest's parameter kinds for `@UploadedFile()` and `@UploadedFiles()`. */
const NESTS_DECORATORS: ReadonlyMap<string, 'UploadedFile' | 'UploadedFiles'> = new Map([
  ['8', 'UploadedFile'],
  ['9', 'UploadedFiles'],
]);

/** The applications that were checked; one with several instances is checked once. */
const checked = new WeakSet<ModulesContainer>();

/**
 * Checks the routes of an application when it starts: the options of this package's interceptors
 * and pipes, and that the decorators of each handler fit its interceptors.
 */
@Injectable()
export class RouteChecks implements OnModuleInit {
  readonly #modules: ModulesContainer | undefined;
  readonly #config: ApplicationConfig | undefined;
  readonly #host: HttpAdapterHost | undefined;

  /** Injected by Nest. */
  constructor(
    @Optional() @Inject(ModulesContainer) modules?: ModulesContainer,
    @Optional() @Inject(ApplicationConfig) config?: ApplicationConfig,
    @Optional() @Inject(HttpAdapterHost) host?: HttpAdapterHost,
  ) {
    this.#modules = modules;
    this.#config = config;
    this.#host = host;
  }

  /**
   * Called by Nest after everything is instantiated.
   * @throws {@link OptionsInvalidError}
   */
  onModuleInit(): void {
    const modules = this.#modules;
    if (modules === undefined || checked.has(modules)) return;
    checked.add(modules);
    this.#prepareForMadeByHand();
    const routes = [...routesOf(modules)];
    for (const route of routes) assertOptions(route);
    const global = globalInterceptors(this.#config);
    for (const facts of global) assertNamed(facts, 'a global interceptor');
    const others = this.#hasOthers(routes, global);
    for (const route of routes) assertDecorators(route, global, others);
  }

  /**
   * Prepares the adapter for interceptors that the application created with `new`, globally or
   * inside another one: Nest does not initialise them.
   */
  #prepareForMadeByHand(): void {
    const host = this.#host;
    if (host === undefined || instancesOf(host).size === 0) return;
    // Null where the application serves no HTTP, undefined in a testing module without an
    // application.
    const adapter: AbstractHttpAdapter | null | undefined = host.httpAdapter;
    if (adapter) prepareForForms(adapter);
  }

  /**
   * True when an interceptor or engine of this package may run without being bound to a route:
   * inside another interceptor, or in a middleware.
   */
  #hasOthers(routes: readonly Route[], global: readonly EnhancerFacts[]): boolean {
    const bound = routes.flatMap(({ interceptors }) => interceptors);
    const known = new Set([...global, ...bound.map(({ bound: one }) => factsOf(one))]);
    const instances = this.#host === undefined ? [] : instancesOf(this.#host);
    const used = new Set(bound.flatMap(({ instance }) => engineOf(instance) ?? []));
    return used.size < countEngines() || [...instances].some(facts => !known.has(facts));
  }
}

function assertOptions({ name, interceptors, pipes }: Route): void {
  for (const bound of [...interceptors.map(one => one.bound), ...pipes]) {
    const facts = factsOf(bound);
    if (facts !== undefined) assertNamed(facts, name);
  }
}

function assertNamed(facts: EnhancerFacts, place: string): void {
  namingSubject(
    facts.name,
    () => facts.assertOptions(),
    () => `${place}: `,
  );
}

function globalInterceptors(config: ApplicationConfig | undefined): readonly EnhancerFacts[] {
  if (config === undefined) return [];
  const ofRequests = config
    .getGlobalRequestInterceptors()
    .map(({ metatype }) => metatype as unknown);
  return [...config.getGlobalInterceptors(), ...ofRequests].flatMap(one => factsOf(one) ?? []);
}

function assertDecorators(
  route: Route,
  global: readonly EnhancerFacts[],
  hasOthers: boolean,
): void {
  const bound = route.interceptors.map(one => factsOf(one.bound));
  const uploads = [...global, ...bound].filter(isUpload);
  for (const parameter of route.parameters) {
    const decorator = FILE_ID_DECORATORS.get(parameter.factory);
    if (decorator !== undefined) {
      const field = typeof parameter.data === 'string' ? parameter.data : undefined;
      if (uploads.length === 0) assertProvided(route, decorator, field, hasOthers);
      else if (!uploads.some(facts => takesField(facts, field))) {
        throw unknownField(route.name, decorator, field ?? '', uploads);
      }
    } else if (uploads.length > 0 && !hasOtherBehind(bound)) assertShape(route, parameter, uploads);
  }
}

/**
 * Checks a handler without an upload interceptor: its file IDs may come from Nest's interceptor
 * with this package's engine, or from another library's.
 */
function assertProvided(
  { name, interceptors }: Route,
  decorator: string,
  field: string | undefined,
  hasOthers: boolean,
): void {
  const foreign = interceptors.filter(({ bound }) => factsOf(bound) === undefined);
  if (foreign.some(({ instance }) => engineOf(instance) !== undefined)) return;
  if (hasOthers || foreign.some(({ instance }) => !isNestsOwn(instance))) return;
  throw foreign.length > 0
    ? filesElsewhere(name, decorator, field)
    : noInterceptor(name, decorator, field);
}

/** True when another interceptor runs after the upload interceptor, and may move the files. */
function hasOtherBehind(bound: readonly (EnhancerFacts | undefined)[]): boolean {
  return bound.slice(bound.findLastIndex(isUpload) + 1).includes(undefined);
}

function assertShape(
  route: Route,
  { kind, data }: RouteParameter,
  uploads: readonly UploadFacts[],
): void {
  const decorator = NESTS_DECORATORS.get(kind.split(':')[0] ?? '');
  if (decorator === undefined) return;
  const key = typeof data === 'string' && data !== '' ? data : undefined;
  const shapes = uploads.map(({ selection }) => selection.shape);
  const [{ name: interceptor }] = uploads as [UploadFacts];
  if (key !== undefined && key !== 'file' && key !== 'files') {
    const isField = uploads.some(({ selection }) => selection.maxCounts?.has(key));
    if (!isField) return;
    const instead = shapes.includes('one') ? '@UploadedFile()' : '@UploadedFiles()';
    throw misuse(
      route.name,
      `@UploadedFile('${key}')`,
      `without a name, as Nest reads request.${key} there, which is not a field of the form`,
      `Write ${instead}.`,
    );
  }
  const wantsMany = decorator === 'UploadedFiles' || key === 'files';
  if (shapes.some(shape => (shape !== 'one') === wantsMany)) return;
  throw misuse(
    route.name,
    `@${decorator}()`,
    wantsMany
      ? `behind an interceptor for several files; ${interceptor} takes one`
      : `behind an interceptor for one file; ${interceptor} takes several`,
    wantsMany
      ? 'Use @UploadedFile(), or WxCloudFilesInterceptor.'
      : 'Use @UploadedFiles(), or WxCloudFileInterceptor.',
  );
}

/**
 * Returns this package's engine with which an interceptor of Nest stores; undefined when it has
 * none.
 */
function engineOf(interceptor: unknown): object | undefined {
  return storagesOf(interceptor).find(storage => isEngine(storage)) ?? undefined;
}

/** True for an interceptor with a known storage engine. */
function isNestsOwn(interceptor: unknown): boolean {
  return storagesOf(interceptor).some(storage => typeof storage?.['_handleFile'] === 'function');
}

/**
 * Returns the storage of Nest's own interceptors: on Express it belongs to their parser, on Fastify
 * to the interceptor itself.
 */
function storagesOf(interceptor: unknown): readonly MaybeEngine[] {
  const { storage, multer } = (interceptor ?? {}) as {
    readonly storage?: MaybeEngine;
    readonly multer?: { readonly storage?: MaybeEngine } | null;
  };
  return [storage, multer?.storage];
}

type MaybeEngine = Readonly<Record<string, unknown>> | null | undefined;

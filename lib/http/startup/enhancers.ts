import { OptionsInvalidError, withSubject } from '../../errors/errors.js';
import type { FileSelection } from '../upload/request-files.js';

/** The facts about an interceptor or a pipe of this package that are known before it is used. */
export interface EnhancerFacts {
  /** The function that created it, e.g. `WxCloudFileInterceptor`. */
  readonly name: string;
  /** The files that it takes; undefined when it takes none. */
  readonly selection?: FileSelection;
  /**
   * Checks the arguments that it was created with.
   * @throws {@link OptionsInvalidError}
   */
  assertOptions(): void;
}

/** The facts about an upload interceptor. */
export type UploadFacts = EnhancerFacts & { readonly selection: FileSelection };

/** A static member, so that subclasses inherit it. */
const FACTS = Symbol('wx-cloud-storage:facts');

type WithFacts = { readonly [FACTS]?: EnhancerFacts };

/**
 * The upload interceptors that were instantiated, by the `HttpAdapterHost` of their application.
 */
const instantiated = new WeakMap<object, Set<EnhancerFacts>>();

const engines = new WeakSet<object>();
let enginesMade = 0;

/** Attaches facts to a class. */
export function describeEnhancer<T extends object>(type: T, facts: EnhancerFacts): T {
  return Object.defineProperty(type, FACTS, { value: facts });
}

/** Returns the facts about a class or an instance; undefined when it is not from this package. */
export function factsOf(enhancer: unknown): EnhancerFacts | undefined {
  if (typeof enhancer === 'function') return (enhancer as WithFacts)[FACTS];
  if (typeof enhancer !== 'object' || enhancer === null) return undefined;
  return (enhancer.constructor as WithFacts | undefined)?.[FACTS];
}

/** True for the facts of an upload interceptor. */
export function isUpload(facts: EnhancerFacts | undefined): facts is UploadFacts {
  return facts?.selection !== undefined;
}

/**
 * Records an instance of an interceptor.
 * @throws {@link OptionsInvalidError} for one without a host
 */
export function recordInstance(host: object, facts: EnhancerFacts): void {
  assertHost(host, facts.name);
  const known = instantiated.get(host);
  if (known === undefined) instantiated.set(host, new Set([facts]));
  else known.add(facts);
}

/** Returns the upload interceptors that an application has instantiated. */
export function instancesOf(host: object): ReadonlySet<EnhancerFacts> {
  return instantiated.get(host) ?? new Set();
}

/**
 * Checks that an interceptor or a pipe has the host of an application; the compiler accepts `new`
 * without it.
 * @throws {@link OptionsInvalidError} for one without it
 */
export function assertHost(host: unknown, name: string): void {
  if (typeof host === 'object' && host !== null) return;
  throw new OptionsInvalidError({
    option: 'host',
    subject: `${name}: the interceptor or pipe`,
    expected: 'passed as a class, which Nest instantiates',
    remedy: 'Leave out new, or pass the HttpAdapterHost of the application.',
  });
}

/** Records a storage engine. */
export function recordEngine<T extends object>(engine: T): T {
  enginesMade += 1;
  engines.add(engine);
  return engine;
}

/** True for a storage engine of this package. */
export function isEngine(value: unknown): value is object {
  return typeof value === 'object' && value !== null && engines.has(value);
}

/** Returns the number of storage engines that this process has created. */
export function countEngines(): number {
  return enginesMade;
}

/**
 * Runs a check; prefixes the message of an invalid option with its owner and the place where that
 * is used.
 */
export function namingSubject<T>(owner: string, check: () => T, where: () => string = () => ''): T {
  try {
    return check();
  } catch (error) {
    if (!(error instanceof OptionsInvalidError)) throw error;
    throw withSubject(error, `${where()}option "${error.option}" of ${owner}`);
  }
}

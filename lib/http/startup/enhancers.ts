import { OptionsInvalidError, withSubject } from '../../errors/errors.js';
import type { FileSelection } from '../upload/request-files.js';

/** The facts about an interceptor or a pipe of this package that are known before it is used. */
export interface EnhancerFacts {
  /** The function that made it, e.g. `WxCloudFileInterceptor`. */
  readonly name: string;
  /** The files that it takes; undefined when it takes none. */
  readonly selection?: FileSelection;
  /** Checks what it was made with. @throws {@link OptionsInvalidError} */
  assertOptions(): void;
}

/** The same of one that takes files. */
export type UploadFacts = EnhancerFacts & { readonly selection: FileSelection };

/** A static member, so that a class which extends one of ours has it too. */
const FACTS = Symbol('wx-cloud-storage:facts');

type WithFacts = { readonly [FACTS]?: EnhancerFacts };

/** Upload interceptors that were instantiated, by the `HttpAdapterHost` of their application. */
const instantiated = new WeakMap<object, Set<EnhancerFacts>>();

const engines = new WeakSet<object>();
let enginesMade = 0;

/** Notes what is known of a class. */
export function describeEnhancer<T extends object>(type: T, facts: EnhancerFacts): T {
  return Object.defineProperty(type, FACTS, { value: facts });
}

/** Finds what is known of a class, or of an instance of one; undefined when it is not ours. */
export function factsOf(enhancer: unknown): EnhancerFacts | undefined {
  if (typeof enhancer === 'function') return (enhancer as WithFacts)[FACTS];
  if (typeof enhancer !== 'object' || enhancer === null) return undefined;
  return (enhancer.constructor as WithFacts | undefined)?.[FACTS];
}

/** Tells upload interceptors. */
export function isUpload(facts: EnhancerFacts | undefined): facts is UploadFacts {
  return facts?.selection !== undefined;
}

/**
 * Notes that an application has an instance, for whatever use.
 * @throws {@link OptionsInvalidError} for one without a host
 */
export function noteInstance(host: object, facts: EnhancerFacts): void {
  assertHost(host, facts.name);
  const known = instantiated.get(host);
  if (known === undefined) instantiated.set(host, new Set([facts]));
  else known.add(facts);
}

/** The upload interceptors that an application has instantiated. */
export function instancesOf(host: object): ReadonlySet<EnhancerFacts> {
  return instantiated.get(host) ?? new Set();
}

/**
 * Makes sure that an interceptor or a pipe belongs to an application. `new` does not need the host
 * for the compiler.
 * @throws {@link OptionsInvalidError} for one that was made without it
 */
export function assertHost(host: unknown, name: string): void {
  if (typeof host === 'object' && host !== null) return;
  throw new OptionsInvalidError({
    option: 'host',
    subject: `${name}: the interceptor or pipe`,
    expected: 'passed on as the class that it is, of which Nest makes the instance',
    remedy: 'Leave out new, or give it the HttpAdapterHost of the application.',
  });
}

/** Notes a storage engine. */
export function noteEngine<T extends object>(engine: T): T {
  enginesMade += 1;
  engines.add(engine);
  return engine;
}

/** True for a storage engine of this package. */
export function isEngine(value: unknown): value is object {
  return typeof value === 'object' && value !== null && engines.has(value);
}

/** Counts the storage engines that this process has made. */
export function countEngines(): number {
  return enginesMade;
}

/** Has an error of an option begin with what the option belongs to, and where that is used. */
export function namingSubject<T>(owner: string, check: () => T, where: () => string = () => ''): T {
  try {
    return check();
  } catch (error) {
    if (!(error instanceof OptionsInvalidError)) throw error;
    throw withSubject(error, `${where()}option "${error.option}" of ${owner}`);
  }
}

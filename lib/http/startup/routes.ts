import type { Type } from '@nestjs/common';
import { MetadataScanner, type ModulesContainer } from '@nestjs/core';
import { type EnhancerFacts, factsOf, isUpload, namingSubject } from './enhancers.js';

/**
 * The metadata keys of Nest's decorators. Nest's constants live in different files in Nest 11 and
 * 12, and are not part of its public API.
 */
const METADATA = {
  path: 'path',
  interceptors: '__interceptors__',
  pipes: '__pipes__',
  parameters: '__routeArguments__',
};

/** A decorated parameter of a handler. */
export interface RouteParameter {
  /** Nest's kind of parameter and its position, e.g. `8:0`. */
  readonly kind: string;
  /** The function behind a custom decorator. */
  readonly factory?: unknown;
  /** The argument of the decorator. */
  readonly data?: unknown;
  /** The pipes of the parameter. */
  readonly pipes?: readonly unknown[];
}

/** A handler of a controller. */
export interface Route {
  /** The name, e.g. `PhotosController.create`. */
  readonly name: string;
  /** The interceptors of the controller and of the handler, in the order in which they run. */
  readonly interceptors: readonly {
    /** The class or instance that was passed to the decorator. */
    readonly bound: unknown;
    /** The instance that runs; undefined where Nest creates one for each request. */
    readonly instance: unknown;
  }[];
  /** The pipes of the controller, the handler and its parameters. */
  readonly pipes: readonly unknown[];
  /** The decorated parameters. */
  readonly parameters: readonly RouteParameter[];
}

/** Reads the handlers of all controllers of an application. */
export function* routesOf(modules: ModulesContainer): Generator<Route> {
  const scanner = new MetadataScanner();
  for (const { controllers, injectables } of modules.values()) {
    const instanceOf = (bound: unknown): unknown =>
      typeof bound === 'function' ? injectables.get(bound as Type)?.instance : bound;
    for (const { metatype } of controllers.values()) {
      if (typeof metatype !== 'function') continue;
      for (const method of scanner.getAllMethodNames(metatype.prototype as object)) {
        const route = readRoute(metatype, method, instanceOf);
        if (route !== undefined) yield route;
      }
    }
  }
}

/**
 * Reads the route of a method; undefined for a method without one, such as an override without
 * decorators.
 */
function readRoute(
  controller: object,
  method: string,
  instanceOf: (bound: unknown) => unknown,
): Route | undefined {
  const { prototype, name } = controller as Type;
  const handler: unknown = (prototype as Record<string, unknown>)[method];
  if (typeof handler !== 'function' || !Reflect.hasMetadata(METADATA.path, handler))
    return undefined;
  const parameters = readParameters(controller as Type, method);
  return {
    name: `${name}.${method}`,
    interceptors: boundTo(METADATA.interceptors, controller, handler).map(bound => ({
      bound,
      instance: instanceOf(bound),
    })),
    pipes: [
      ...boundTo(METADATA.pipes, controller, handler),
      ...parameters.flatMap(({ pipes = [] }) => pipes),
    ],
    parameters,
  };
}

/** Returns the classes and instances bound with `UseInterceptors` or `UsePipes`. */
function boundTo(key: string, controller: object, handler: object): readonly unknown[] {
  return [controller, handler].flatMap(target => {
    const bound: unknown = Reflect.getMetadata(key, target);
    return Array.isArray(bound) ? (bound as readonly unknown[]) : [];
  });
}

/** True when a handler is decorated with an upload interceptor, even if a test has replaced it. */
export function namesUpload(controller: object, handler: object): boolean {
  return boundTo(METADATA.interceptors, controller, handler).some(one => isUpload(factsOf(one)));
}

function readParameters(controller: Type, method: string): readonly RouteParameter[] {
  return Object.entries(routeParametersOf(controller, method).used).map(
    ([kind, { factory, data, pipes = [] }]) => ({ kind, factory, data, pipes }),
  );
}

/** True for a decorator of an overridden handler: Nest 11 runs it too, and ignores the result. */
export function isLeftOver(controller: Type, method: string, decorator: Decorator): boolean {
  const { used, leftOver } = routeParametersOf(controller, method);
  const isThere = (parameters: RouteParameters): boolean =>
    Object.values(parameters).some(
      ({ factory, data }) => factory === decorator.factory && data === decorator.data,
    );
  return isThere(leftOver) && !isThere(used);
}

type Decorator = Pick<RouteParameter, 'factory' | 'data'>;
type RouteParameters = Readonly<Record<string, Omit<RouteParameter, 'kind'>>>;

/**
 * Reads the parameter metadata of a handler. Nest 11 merges in the metadata of the handler that it
 * overrides. Those entries are left over, and are identical objects.
 */
function routeParametersOf(
  controller: Type,
  method: string,
): { readonly used: RouteParameters; readonly leftOver: RouteParameters } {
  // A mixin may have copied the method together with the constructor of the class that declares it.
  const { constructor: copied } = controller.prototype as { constructor: object };
  const hasOwn = (type: object): boolean =>
    Reflect.hasOwnMetadata(METADATA.parameters, type, method);
  const owner = [...lineOf(controller), ...lineOf(copied)].find(hasOwn);
  if (owner === undefined) return { used: {}, leftOver: {} };
  const read = (type: object): RouteParameters =>
    (Reflect.getMetadata(METADATA.parameters, type, method) ?? {}) as RouteParameters;
  const noted = Object.entries(read(owner));
  const overridden = new Set(Object.values(read(Object.getPrototypeOf(owner) as object)));
  const used = noted.filter(([, parameter]) => !overridden.has(parameter));
  // A subclass that copies all metadata uses all of it.
  if (used.length === 0) return { used: read(owner), leftOver: {} };
  const leftOver = noted.filter(([, parameter]) => overridden.has(parameter));
  return { used: Object.fromEntries(used), leftOver: Object.fromEntries(leftOver) };
}

/** Yields a class and its base classes. */
function* lineOf(type: object): Generator<object> {
  for (let one: unknown = type; typeof one === 'function'; one = Object.getPrototypeOf(one))
    yield one;
}

/**
 * Checks the options of an interceptor or a pipe and starts it. The message of an error names the
 * handler that uses it.
 */
export function startNamed(
  modules: ModulesContainer | undefined,
  facts: EnhancerFacts,
  start: () => unknown = () => {},
): void {
  const check = (): void => {
    facts.assertOptions();
    start();
  };
  namingSubject(facts.name, check, () => placeOf(modules, facts));
}

function placeOf(modules: ModulesContainer | undefined, facts: EnhancerFacts): string {
  for (const { name, interceptors, pipes } of modules === undefined ? [] : routesOf(modules)) {
    const bound = [...interceptors.map(({ bound: one }) => one), ...pipes];
    if (bound.some(one => factsOf(one) === facts)) return `${name}: `;
  }
  return '';
}

import type { Type } from '@nestjs/common';
import type { StorageContext } from '../storage/index.js';
import type { WxCloudFileSource } from '../wx-cloud-file.js';

/** The name under which the instance without one is kept. */
export const DEFAULT_INSTANCE = 'default';

/** The methods of a service that the HTTP edge calls, where they are not the service's own. */
export type ServiceMethod =
  | 'upload'
  | 'delete'
  | 'deleteMany'
  | 'getDownloadUrl'
  | 'getDownloadUrls'
  | keyof WxCloudFileSource;

/**
 * The service class as it was loaded: this folder cannot import it, so that it makes itself known.
 */
interface KnownClass {
  readonly type: Type<WxCloudFileSource>;
  readonly methods: ReadonlyMap<string, unknown>;
}

let knownClass: KnownClass | undefined;
const contexts = new WeakMap<object, StorageContext>();

/** Makes the class known, with its methods as they are before a test replaces one. */
export function registerServiceClass(type: Type<WxCloudFileSource>): void {
  const { prototype } = type as { readonly prototype: object };
  const chain = [Object.getPrototypeOf(prototype) as object, prototype];
  const methods = chain.flatMap(part =>
    Object.getOwnPropertyNames(part).map(name => [name, Reflect.get(part, name)] as const),
  );
  knownClass = { type, methods: new Map(methods) };
}

/** Makes known the context that a service of that class, or of one that extends it, works with. */
export function registerService(service: object, context: StorageContext): void {
  contexts.set(service, context);
}

/** The context that a service works with by itself; undefined for a fake. */
export function contextOf(service: object): StorageContext | undefined {
  return contexts.get(service);
}

/**
 * True when a service does with these methods what its class does: no fake, subclass or spy has
 * replaced one.
 */
export function hasOwn(service: object, ...names: readonly ServiceMethod[]): boolean {
  if (!contexts.has(service)) return false;
  return names.every(name => Reflect.get(service, name) === knownClass?.methods.get(name));
}

/** The injection token of an instance's service. */
export function serviceTokenOf(name: string): symbol | Type<WxCloudFileSource> | undefined {
  return name === DEFAULT_INSTANCE ? knownClass?.type : namedServiceToken(name);
}

/** The same, where it has a name. */
export function namedServiceToken(name: string): symbol {
  return Symbol.for(`wx-cloud-storage:service:${name}`);
}

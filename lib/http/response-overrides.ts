import type { ServerResponse } from 'node:http';

/** Calls a method as it was before it was replaced. */
export type PassOn = (given: readonly unknown[]) => unknown;

/**
 * Replaces a method of a response for good: what a middleware puts on top later goes on calling it.
 * Does nothing without such a method. Returns a function that calls the replaced one.
 */
export function overrideMethod(
  response: ServerResponse,
  name: string,
  call: (given: readonly unknown[], passOn: PassOn) => unknown,
): PassOn | undefined {
  const original: unknown = Reflect.get(response, name);
  if (typeof original !== 'function') return undefined;
  const passOn: PassOn = given => Reflect.apply(original, response, given);
  // Definitions of properties slow every response down.
  Object.assign(response, { [name]: (...given: unknown[]): unknown => call(given, passOn) });
  return passOn;
}

/** Replaces a property of a response for good. `show` gets a function that reads the old one. */
export function overrideProperty(
  response: ServerResponse,
  name: string,
  show: (read: () => unknown) => unknown,
): void {
  const own = Object.getOwnPropertyDescriptor(response, name);
  const replaced: object | undefined = own && Object.defineProperty({}, name, own);
  // Express replaces the prototype of a response.
  const holder = (): object => replaced ?? Reflect.getPrototypeOf(response) ?? {};
  const read = (): unknown => Reflect.get(holder(), name, response);
  Object.defineProperty(response, name, {
    get: () => show(read),
    // The responses of some test harnesses have it as a plain property, or have a setter. Nothing
    // is written to the prototype, which all responses share.
    set: (value: unknown) => {
      if (replaced !== undefined && own !== undefined && 'value' in own) {
        Reflect.set(replaced, name, value);
      } else Reflect.set(holder(), name, value, response);
    },
    configurable: true,
  });
}

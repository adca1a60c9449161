/** Applies decorators to a method, as the TypeScript compiler does. */
export function decorate({ prototype }, method, decorators) {
  const descriptor = Object.getOwnPropertyDescriptor(prototype, method);
  for (const decorator of decorators.toReversed()) decorator(prototype, method, descriptor);
}

/** Applies decorators to the parameters of a method, a list for each parameter. */
export function decorateParameters({ prototype }, method, parameters) {
  for (const [index, decorators] of parameters.entries()) {
    for (const decorator of decorators) decorator(prototype, method, index);
  }
}

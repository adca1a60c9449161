/** Creates a promise together with its functions. */
export function defer() {
  let resolve;
  const promise = new Promise(settle => (resolve = settle));
  return { promise, resolve };
}

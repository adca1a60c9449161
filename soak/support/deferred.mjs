/** A promise with what resolves it. */
export function defer() {
  let resolve;
  const promise = new Promise(settle => (resolve = settle));
  return { promise, resolve };
}

/**
 * What this package notes of a request, which is not its own object. A property rather than a WeakMap: the garbage collector
 * goes through all of a map's entries again and again, which took a twentieth of what a small upload costs.
 */
export class RequestNote<T> {
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

import { inspect } from 'node:util';

const MASK = '[secret]';

/** Holds a credential so that no inspection, serialisation or string conversion shows it. */
export class Secret {
  readonly #value: string;

  /** Wraps a credential. */
  constructor(value: string) {
    this.#value = value;
  }

  /** The credential itself; call it only where a request is built. */
  reveal(): string {
    return this.#value;
  }

  /** Always `[secret]`. */
  toString(): string {
    return MASK;
  }

  /** Always `[secret]`. */
  toJSON(): string {
    return MASK;
  }

  /** Always `[secret]`. */
  [inspect.custom](): string {
    return MASK;
  }
}

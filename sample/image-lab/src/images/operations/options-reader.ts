import { ImageError } from '../image-error.js';

/** The number of characters of an unknown name that a message quotes. */
const LONGEST_NAME = 80;

/** The range of a number. */
interface Bounds {
  readonly min: number;
  readonly max: number;
}

/**
 * Reads an object; null and lists are refused.
 * @throws {ImageError} `OPERATION_INVALID`
 */
export function readObject(name: string, value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Readonly<Record<string, unknown>>;
  }
  throw new ImageError('OPERATION_INVALID', `${name} has to be a JSON object.`);
}

/**
 * Reads the options of an operation one by one. Its methods throw {@link ImageError}
 * `OPERATION_INVALID`.
 */
export class OptionsReader {
  readonly #unread: Map<string, unknown>;

  constructor(options: Readonly<Record<string, unknown>>) {
    this.#unread = new Map(Object.entries(options));
  }

  /** Checks that there are no other options, after all have been read. */
  assertAllRead(): void {
    const [name] = this.#unread.keys();
    if (name === undefined) return;
    const option = name.slice(0, LONGEST_NAME);
    const message = `There is no options.${option}: leave it out.`;
    throw new ImageError('OPERATION_INVALID', message, { option });
  }

  number(name: string, { min, max }: Bounds): number {
    const value = this.#take(name);
    if (typeof value === 'number' && value >= min && value <= max) return value;
    throw invalid(name, `a number from ${min} to ${max}`, { min, max });
  }

  wholeNumber(name: string, bounds: Bounds): number {
    const value = this.number(name, bounds);
    if (Number.isInteger(value)) return value;
    throw invalid(name, `a whole number from ${bounds.min} to ${bounds.max}`, bounds);
  }

  oneOf<Choice extends string>(name: string, choices: readonly Choice[]): Choice {
    const value = this.#take(name);
    const choice = choices.find(candidate => candidate === value);
    if (choice !== undefined) return choice;
    throw invalid(name, `one of ${choices.join(', ')}`);
  }

  /** Reads a single-line text and trims it. */
  line(name: string, longest: number): string {
    const value = this.#take(name);
    const text = typeof value === 'string' ? value.trim() : '';
    if (text !== '' && text.length <= longest && text.isWellFormed() && !/\p{Cc}/u.test(text)) {
      return text;
    }
    throw invalid(name, `a text on one line of 1 to ${longest} characters`);
  }

  #take(name: string): unknown {
    const value = this.#unread.get(name);
    this.#unread.delete(name);
    return value;
  }
}

function invalid(option: string, expected: string, bounds?: Bounds): ImageError {
  const message = `options.${option} has to be ${expected}.`;
  return new ImageError('OPERATION_INVALID', message, { option, ...bounds });
}

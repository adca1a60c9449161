import { OptionsInvalidError } from '../errors/errors.js';

/** The longest time a Node timer can be set to, in milliseconds. */
export const MAX_TIMER_MS = 2_147_483_647;

/** The most edits between a misspelt name and the intended one. */
const MAX_EDITS = 2;

/** Finds the name that was probably intended; undefined when none is close. */
export function findClosest(given: string, names: readonly string[]): string | undefined {
  const most = Math.min(MAX_EDITS, Math.floor(given.length / 2));
  const rated = names.map(name => ({ name, edits: countEdits(given, name) }));
  const [best] = rated.toSorted((left, right) => left.edits - right.edits);
  return best !== undefined && best.edits <= most ? best.name : undefined;
}

/** Counts the missing, additional or different letters of two names, ignoring case. */
function countEdits(given: string, name: string): number {
  const [left, right] = [given.toLowerCase(), name.toLowerCase()];
  let above = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (const [row, letter] of [...left].entries()) {
    const line = [row + 1];
    for (const [column, other] of [...right].entries()) {
      const kept = (above[column] ?? 0) + Number(letter !== other);
      line.push(Math.min(kept, (above[column + 1] ?? 0) + 1, (line[column] ?? 0) + 1));
    }
    above = line;
  }
  return above.at(-1) ?? 0;
}

/** An object given by the user, not checked yet. */
export type Given = Readonly<Record<string, unknown>>;

/** The members that an object may have. */
interface KnownNames {
  /** Prefix of a member's name in messages, e.g. `limits.`. */
  readonly prefix?: string;
  /** The members. */
  readonly names: readonly string[];
  /** Remedies for names that other packages use or that users may guess, in lower case. */
  readonly replacements?: ReadonlyMap<string, string>;
}

/**
 * Reads an object that has only known members; undefined reads as an empty one.
 * @throws {@link OptionsInvalidError} for the first unknown member, naming the right one
 */
export function readMembers(option: string, value: unknown, known: KnownNames): Given {
  if (value === undefined) return {};
  const { names, prefix = '' } = known;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const remedy = `Its members are: ${names.join(', ')}.`;
    throw new OptionsInvalidError({ option, expected: 'an object', remedy });
  }
  const unknown = Object.keys(value).find(name => !names.includes(name));
  if (unknown === undefined) return value as Given;
  throw new OptionsInvalidError({
    option: `${prefix}${unknown}`,
    remedy: adviseAbout(unknown, known),
  });
}

function adviseAbout(unknown: string, { names, prefix = '', replacements }: KnownNames): string {
  const replacement = replacements?.get(unknown.toLowerCase());
  if (replacement !== undefined) return replacement;
  const intended = findClosest(unknown, names);
  if (intended !== undefined) return `Use ${prefix}${intended}.`;
  return `Known here: ${names.join(', ')}.`;
}

/**
 * Reads a group of options. Messages name a member with its group, except for `options`.
 * @throws {@link OptionsInvalidError} like {@link readMembers}
 */
export function readGroup(option: string, value: unknown, names: readonly string[]): Given {
  const prefix = option === 'options' ? '' : `${option}.`;
  return readMembers(option, value, { prefix, names });
}

/** Replaces undefined by the default. null stays, and is a wrong value. */
export function orDefault(value: unknown, fallback: unknown): unknown {
  return value === undefined ? fallback : value;
}

/**
 * Reads a non-empty string without white space and control characters.
 * @throws {@link OptionsInvalidError}
 */
export function readName(option: string, value: unknown, remedy: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  if (typeof value !== 'string' || value === '' || /[\s\u0000-\u001f\u007f]/.test(value)) {
    throw new OptionsInvalidError({
      option,
      expected: 'a non-empty string without white space',
      remedy,
    });
  }
  return value;
}

/** A range of integers, ends included. */
interface Range {
  /** The least value. */
  readonly min: number;
  /** The greatest value. */
  readonly max: number;
  /** The unit, for the message. */
  readonly unit: string;
}

/**
 * Reads an integer within a range.
 * @throws {@link OptionsInvalidError}
 */
export function readInteger(option: string, value: unknown, { min, max, unit }: Range): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
    throw new OptionsInvalidError({
      option,
      expected: `a whole number of ${unit} from ${min} to ${max}`,
      remedy: 'Leave it out for the default.',
    });
  }
  return value;
}

/**
 * Reads a boolean.
 * @throws {@link OptionsInvalidError}
 */
export function readBoolean(option: string, value: unknown): boolean {
  if (typeof value !== 'boolean') {
    throw new OptionsInvalidError({
      option,
      expected: 'true or false',
      remedy: 'Leave it out for the default.',
    });
  }
  return value;
}

/**
 * Reads a function; its parameters and result cannot be checked.
 * @throws {@link OptionsInvalidError}
 */
export function readFunction<T>(option: string, value: unknown, expected: string): T {
  if (typeof value === 'function') return value as T;
  throw new OptionsInvalidError({ option, expected, remedy: 'Provide one.' });
}

/** True when the host of a URL is this machine, so that plain http exposes nothing. */
export function isLoopback(url: URL): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(url.hostname);
}

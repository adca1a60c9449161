import { OptionsInvalidError } from '../errors/index.js';
import { quoteText } from '../form/index.js';

/** Options as the user gave them, of which nothing is known yet. */
export type Given = Readonly<Record<string, unknown>>;

/** Which members an object may have. */
export interface KnownNames {
  /** Before the name of a member in messages, e.g. `limits.`. */
  readonly prefix?: string;
  /** The members. */
  readonly names: readonly string[];
  /** What to do instead, by names in lower case that other packages have or that come to mind. */
  readonly replacements?: ReadonlyMap<string, string>;
}

/** The most changes between a misspelt name and the one that was meant. */
const MOST_CHANGES = 2;

/**
 * Reads an object with none but the known members; undefined reads as an empty one.
 * @throws {@link OptionsInvalidError} for the first unknown member, with what to use instead
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
    expected: 'absent, as there is no such option',
    remedy: adviseAbout(unknown, known),
  });
}

function adviseAbout(unknown: string, { names, prefix = '', replacements }: KnownNames): string {
  const replacement = replacements?.get(unknown.toLowerCase());
  if (replacement !== undefined) return replacement;
  const meant = findClosest(unknown, names);
  if (meant !== undefined) return `Use ${prefix}${meant}.`;
  return `Known here: ${names.join(', ')}.`;
}

/** Finds the name that was probably meant; undefined when none is close. */
export function findClosest(given: string, names: readonly string[]): string | undefined {
  const most = Math.min(MOST_CHANGES, Math.floor(given.length / 2));
  const rated = names.map(name => ({ name, changes: countChanges(given, name) }));
  const [best] = rated.toSorted((left, right) => left.changes - right.changes);
  return best !== undefined && best.changes <= most ? best.name : undefined;
}

/** Letters that were left out, added, or changed between two names; their case does not count. */
function countChanges(given: string, name: string): number {
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

/** Quotes names for a message. */
export function listNames(names: Iterable<string>): string {
  return [...names].map(quoteText).join(', ');
}

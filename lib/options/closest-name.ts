/** The most changes between a misspelt name and the one that was meant. */
const MOST_CHANGES = 2;

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

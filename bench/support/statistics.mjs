/** Returns the median. */
export function median(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

/** Returns median, minimum and maximum of each figure of several rounds. */
export function summarize(rounds) {
  return Object.fromEntries(
    Object.keys(rounds[0]).map(figure => {
      const values = rounds.map(round => round[figure]);
      const [min, max] = [Math.min(...values), Math.max(...values)];
      return [figure, { median: median(values), min, max }];
    }),
  );
}

/** Formats a summary. */
export function show({ median: middle, min, max }) {
  const digits = Math.abs(middle) >= 100 ? 0 : Math.abs(middle) >= 10 ? 1 : 2;
  const format = value => value.toFixed(digits);
  return min === max ? format(middle) : `${format(middle)} (${format(min)}–${format(max)})`;
}

import { hostileContentTypes, hostileHeads, hostileNames, mutated, oversized } from './broken.js';
import type { HostileForm } from './hostile-form.js';
import { Random } from './random.js';
import { splitEverywhere, trickled, truncatedEverywhere, wellFormed } from './well-formed.js';

export type { HostileForm } from './hostile-form.js';

/** Every form of a seed, in random order. */
export function hostileForms(seed: number): readonly HostileForm[] {
  const random = new Random(seed);
  const times = (count: number, make: (random: Random) => HostileForm): HostileForm[] =>
    Array.from({ length: count }, () => make(random));
  const forms = [
    ...splitEverywhere(),
    ...trickled(),
    ...truncatedEverywhere(),
    ...hostileContentTypes(),
    ...oversized(),
    ...times(1_400, wellFormed),
    ...times(1_400, mutated),
    ...times(1_000, hostileHeads),
    ...times(600, hostileNames),
  ];
  return forms
    .map(form => ({ form, order: random.next() }))
    .toSorted((a, b) => a.order - b.order)
    .map(({ form }) => form);
}

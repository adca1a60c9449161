import { MOST_FIELDS, MOST_TEXT_BYTES } from '../support/limits.mjs';
import { makeFile } from './files.mjs';
import { formType, makeForm } from './forms.mjs';
import { CLOUD_FAILED, FULL } from './outcomes.mjs';

const BOUNDARY = 'soak-flood';
/** Two bytes in UTF-8, and two in memory, where one of a language of Europe takes one. */
const LETTER = 'ж';
const FIELD_BYTES = 900_000;

const textsOf = (count, bytes) =>
  Array.from({ length: count }, (_, index) => ({
    field: `note${index}`,
    text: LETTER.repeat(bytes / 2),
  }));

const flooding = parts => {
  const body = makeForm(parts, BOUNDARY);
  return () => ({ path: '/many', headers: formType(BOUNDARY), body });
};

const JUST_OVER = Math.ceil(MOST_TEXT_BYTES / FIELD_BYTES);
const overLimit = flooding(textsOf(JUST_OVER, FIELD_BYTES));
/** More than a refused request is read on for. */
const flood = flooding(textsOf(40, FIELD_BYTES));
const manyFields = flooding(textsOf(MOST_FIELDS + 1, 2));

/** Behind a file, which is stored by then or is being stored. */
function behindFile(client) {
  const file = makeFile(client.random, { name: client.nextName(), size: 50_000 });
  const parts = [{ field: 'file', file }, ...textsOf(JUST_OVER, FIELD_BYTES)];
  return flooding(parts)();
}

/** Forms with more text than may be: each is refused, and what it had brought is let go of. */
export const FLOODS = [
  { name: 'text over the limit', weight: 1, expected: [400], plan: overLimit },
  {
    name: 'text over the limit behind a file',
    weight: 1,
    expected: [400, ...CLOUD_FAILED],
    plan: behindFile,
  },
  { name: 'flood of text', weight: 0.3, expected: [400], plan: flood },
  { name: 'too many text fields', weight: 1, expected: [400], plan: manyFields },
].map(kind => ({ ...kind, expected: [...kind.expected, FULL] }));

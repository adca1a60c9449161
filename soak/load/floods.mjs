import { MOST_FIELDS, MOST_TEXT_BYTES } from '../support/limits.mjs';
import { makeFile } from './files.mjs';
import { formType, makeForm } from './forms.mjs';
import { CLOUD_FAILED, FULL } from './outcomes.mjs';
import { byAnyWay } from './ways.mjs';

const BOUNDARY = 'soak-flood';
/** A letter of two bytes in UTF-8 and two in memory, in contrast to one byte for Latin letters. */
const LETTER = 'ж';
const FIELD_BYTES = 900_000;

const textsOf = (count, bytes) =>
  Array.from({ length: count }, (_, index) => ({
    field: `note${index}`,
    text: LETTER.repeat(bytes / 2),
  }));

const flooding = parts => {
  const body = makeForm(parts, BOUNDARY);
  return client => ({ path: byAnyWay(client, '/many'), headers: formType(BOUNDARY), body });
};

const JUST_OVER = Math.ceil(MOST_TEXT_BYTES / FIELD_BYTES);
const overLimit = flooding(textsOf(JUST_OVER, FIELD_BYTES));
/** Text beyond the bytes that are drained after a refusal. */
const flood = flooding(textsOf(40, FIELD_BYTES));
const manyFields = flooding(textsOf(MOST_FIELDS + 1, 2));

/** Makes a form in which the text follows a file that is stored, or being stored. */
function behindFile(client) {
  const file = makeFile(client.random, { name: client.nextName(), size: 50_000 });
  const parts = [{ field: 'file', file }, ...textsOf(JUST_OVER, FIELD_BYTES)];
  return flooding(parts)(client);
}

/** Forms with too much text: each is refused, and its files are deleted. */
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

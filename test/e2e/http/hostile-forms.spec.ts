import { hostileForms } from '../../support/hostile-forms/index.js';
import { describeHostileForms } from '../../support/hostile-forms/describe-hostile-forms.js';

const SEED = 20_261_123;
const FORMS = hostileForms(SEED);

/** One in so many; all of them are in the long tests. */
const SHARE = 25;

/** Of a family of fewer forms, all are sent. */
const RARE = 50;

const countOf = (family: string): number => FORMS.filter(form => form.family === family).length;
const isRare = new Map(
  [...new Set(FORMS.map(({ family }) => family))].map(family => [family, countOf(family) < RARE]),
);

describeHostileForms({
  seed: SEED,
  isComplete: false,
  forms: FORMS.filter(({ family }, index) => isRare.get(family) === true || index % SHARE === 0),
});

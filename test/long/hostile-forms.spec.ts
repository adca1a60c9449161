import { expect, it } from '@jest/globals';
import { hostileForms } from '../support/hostile-forms/index.js';
import { describeHostileForms } from '../support/hostile-forms/describe-hostile-forms.js';

const SEED = 20_261_123;
const FORMS = hostileForms(SEED);

it('are more than five thousand', () => {
  expect(FORMS.length).toBeGreaterThan(5_000);
});

describeHostileForms({ seed: SEED, forms: FORMS });

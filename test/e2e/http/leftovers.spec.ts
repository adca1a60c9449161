import { ADAPTERS } from '../../support/adapters.js';
import { SENT_AHEAD } from '../../support/ways.js';
import { describeRemains } from './support/remains.js';

// The other ways: `test/long/leftovers.spec.ts`.
for (const adapter of ADAPTERS) describeRemains(SENT_AHEAD, adapter);

import { describeRemains } from '../e2e/http/support/remains.js';
import { ADAPTERS } from '../support/adapters.js';
import { BUCKET, KEPT } from '../support/ways.js';

for (const adapter of ADAPTERS) {
  for (const way of [KEPT, BUCKET]) describeRemains(way, adapter);
}

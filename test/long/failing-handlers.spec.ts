import { describeFailedRequests } from '../e2e/http/support/failed-requests.js';
import { ADAPTERS } from '../support/adapters.js';
import { PNG, pngOfSize } from '../support/forms.js';
import { BUCKET, KEPT, SENT_AHEAD } from '../support/ways.js';

for (const adapter of ADAPTERS) {
  for (const way of [KEPT, BUCKET]) describeFailedRequests({ way, adapter, photo: PNG });
  for (const way of [SENT_AHEAD, KEPT, BUCKET]) {
    describeFailedRequests({ way, adapter, photo: pngOfSize(way.largeBytes) });
  }
}

import { ADAPTERS } from '../../support/adapters.js';
import { PNG } from '../../support/forms.js';
import { SENT_AHEAD } from '../../support/ways.js';
import { describeFailedRequests } from './support/failed-requests.js';

// The other ways, and files that are sent while they arrive: `test/long/failing-handlers.spec.ts`.
for (const adapter of ADAPTERS) describeFailedRequests({ way: SENT_AHEAD, adapter, photo: PNG });

import { CLOUD_FAILED, FULL } from './outcomes.mjs';
import { failing, many, one } from './uploads.mjs';

/**
 * Sends through Fastify's `inject()` in the application's process: without a connection, and with
 * another kind of response.
 */
const injected = plan => client => ({ ...plan(client), isInjected: true });

export const INJECTED = [
  { name: 'injected', weight: 5, expected: [201], plan: injected(one) },
  { name: 'many injected', weight: 2, expected: [201], plan: injected(many) },
  {
    name: 'injected, handler refuses',
    weight: 2,
    expected: [409],
    plan: injected(client => failing(client, 'refuses')),
  },
].map(kind => ({ ...kind, expected: [...kind.expected, ...CLOUD_FAILED, FULL] }));

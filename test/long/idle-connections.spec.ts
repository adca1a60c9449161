import { createServer } from 'node:http';
import { expect, it } from '@jest/globals';
import { HttpTransport } from '../../lib/transport/http-client.js';
import { SharedConnections } from '../../lib/transport/shared-connections.js';
import { afterThisTest } from '../support/after-test.js';
import { until } from '../support/until.js';
import { listen, NEVER } from '../unit/support/server.js';

const HOSTS = 40;
/** As nginx tells its clients. */
const KEPT_SECONDS = 600;

it('opened instances keep no idle connections for as long as their hosts allow', async () => {
  let open = 0;
  const startHost = async (): Promise<string> => {
    const server = createServer((_, response) => response.end('x'));
    server.keepAliveTimeout = KEPT_SECONDS * 1_000;
    server.on('connection', socket => {
      open += 1;
      socket.on('close', () => (open -= 1));
    });
    return `http://127.0.0.1:${await listen(server)}`;
  };
  const shared = new SharedConnections(8, () => {});
  afterThisTest(() => shared.close());
  const timeouts = { connectMs: 30_000, headersMs: 30_000, idleMs: 30_000 };
  const options = { timeouts, dispatcher: undefined, maxConnections: 8 };
  const transport = new HttpTransport(options, undefined, shared);
  const origins = await Promise.all(Array.from({ length: HOSTS }, startHost));
  const reads = origins.map(origin => {
    const call = { endpoint: 'GET x', method: 'GET', target: { origin, path: '/' } } as const;
    return transport.requestBuffered({ ...call, signal: NEVER, lane: 'download' }, 10);
  });
  const responses = await Promise.all(reads);
  expect(responses.map(({ status }) => status)).toEqual(origins.map(() => 200));
  await until(() => open === 0, 'the end of idle connections');
});

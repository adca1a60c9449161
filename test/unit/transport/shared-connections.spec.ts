import { createServer } from 'node:http';
import { describe, expect, it, jest } from '@jest/globals';
import { Agent } from 'undici';
import { HttpTransport } from '../../../lib/transport/http-client.js';
import { SharedConnections } from '../../../lib/transport/shared-connections.js';
import { afterThisTest } from '../../support/after-test.js';
import { until } from '../../support/until.js';
import { listen, NEVER } from '../support/server.js';

const timeouts = { connectMs: 30_000, headersMs: 30_000, idleMs: 30_000 };

function share(maxConnections: number, onWait = (): void => {}): SharedConnections {
  const shared = new SharedConnections(maxConnections, onWait);
  afterThisTest(() => shared.close());
  return shared;
}

function open(shared: SharedConnections, maxConnections: number, connectMs = 30_000) {
  const limits = { ...timeouts, connectMs };
  const options = { timeouts: limits, dispatcher: undefined, maxConnections };
  return new HttpTransport(options, undefined, shared);
}

/** Holds every response until it is released. */
async function startHolding() {
  const held: (() => void)[] = [];
  const server = createServer((_, response) => held.push(() => response.end('x')));
  let connections = 0;
  server.on('connection', () => (connections += 1));
  const origin = `http://127.0.0.1:${await listen(server)}`;
  const read = (transport: HttpTransport) => {
    const call = { endpoint: 'GET x', method: 'GET', target: { origin, path: '/' } } as const;
    return transport.requestBuffered({ ...call, signal: NEVER, lane: 'upload' }, 10);
  };
  return { held, read, countConnections: () => connections };
}

describe('SharedConnections', () => {
  it('limits the requests of all instances together', async () => {
    const onWait = jest.fn();
    const shared = share(4, onWait);
    const { held, read, countConnections } = await startHolding();
    const [busy, quiet] = [open(shared, 8), open(shared, 8)];
    const reads = [busy, busy, busy, quiet, quiet, quiet].map(read);
    // One of the four is reserved for API calls, and one for downloads.
    await until(() => held.length === 2);
    expect(onWait).toHaveBeenCalledWith();
    const release = setInterval(() => held.splice(0).forEach(respond => respond()), 0);
    afterThisTest(() => clearInterval(release));
    await Promise.all(reads);
    expect(countConnections()).toBeLessThanOrEqual(4);
  });

  it('stay open when one instance closes, until they are closed', async () => {
    const shared = share(4);
    const { held, read } = await startHolding();
    const release = setInterval(() => held.splice(0).forEach(respond => respond()), 0);
    afterThisTest(() => clearInterval(release));
    const [one, other] = [open(shared, 3), open(shared, 3)];
    await read(one);
    await one.close();
    await expect(read(other)).resolves.toMatchObject({ status: 200 });
    await shared.close();
    await expect(read(other)).rejects.toMatchObject({ code: 'WX_CLOUD_CONNECTION_FAILED' });
  });

  it('have an agent for each time limit for connecting', () => {
    const shared = share(4);
    const agent = shared.agentFor(Agent, 1_000);
    expect(shared.agentFor(Agent, 1_000)).toBe(agent);
    expect(shared.agentFor(Agent, 2_000)).not.toBe(agent);
  });
});

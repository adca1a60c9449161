import type { Agent } from 'undici';
import { ConnectionSlots } from './connections.js';

/** The class, which is loaded with the first request. */
type AgentType = typeof Agent;

/**
 * The longest time that an idle shared connection is kept, in milliseconds: hundreds of hosts may
 * tell undici to keep theirs for up to 10 minutes, and only connections in use are counted.
 */
const SHARED_IDLE_MS = 4_000;

/**
 * Creates an agent that opens this many connections at most to each host. By default, a host
 * decides how long an idle connection is kept.
 */
export function createAgent(
  type: AgentType,
  connectMs: number,
  maxConnections: number,
  longestIdle: Pick<Agent.Options, 'keepAliveMaxTimeout'> = {},
): Agent {
  return new type({
    ...longestIdle,
    connect: { timeout: connectMs },
    // Without the limit, undici would open another connection beside one that is about to become
    // free.
    connections: maxConnections,
  });
}

/** The connections that any number of instances share. */
export class SharedConnections {
  /** Limits the requests of all instances together. */
  readonly slots: ConnectionSlots;
  readonly #maxConnections: number;
  /** Agents by the time limit for connecting, which undici sets for an agent. */
  readonly #agents = new Map<number, Agent>();

  /**
   * Creates none yet. `onWait` is called when a request begins to wait for a connection that other
   * instances have.
   */
  constructor(maxConnections: number, onWait: () => void) {
    this.#maxConnections = maxConnections;
    this.slots = new ConnectionSlots(maxConnections, onWait);
  }

  /** Returns the agent of all instances with this time limit for connecting. */
  agentFor(type: AgentType, connectMs: number): Agent {
    const known = this.#agents.get(connectMs);
    if (known !== undefined) return known;
    const longestIdle = { keepAliveMaxTimeout: SHARED_IDLE_MS };
    const agent = createAgent(type, connectMs, this.#maxConnections, longestIdle);
    this.#agents.set(connectMs, agent);
    return agent;
  }

  /** Closes all connections. */
  async close(): Promise<void> {
    await Promise.all([...this.#agents.values()].map(agent => agent.destroy()));
  }
}

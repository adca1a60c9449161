import { EventEmitter } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { ReplicaChannel } from '../../../lib/options/replica-channel.js';
import { redisReplicaChannel } from '../../../lib/redis/index.js';
import { until } from '../../support/until.js';

interface Pending {
  resolve(): void;
  reject(error: Error): void;
}

/** A cluster of node-redis 5: it tells of lost connections, not of those that work again. */
class FakeCluster extends EventEmitter {
  readonly isOpen = true;
  /** The subscriptions that wait for a connection. */
  readonly pending: Pending[] = [];

  async publish(): Promise<number> {
    return 0;
  }

  subscribe(): Promise<void> {
    return new Promise((resolve, reject) => this.pending.push({ resolve, reject }));
  }

  async unsubscribe(): Promise<void> {}
}

let cluster: FakeCluster;
let channel: ReplicaChannel;
let onReset: jest.Mock<() => void>;
let stop: (() => void) | undefined;

beforeEach(() => {
  cluster = new FakeCluster();
  channel = redisReplicaChannel(new FakeCluster(), cluster as never);
  onReset = jest.fn();
  stop = channel.onReset?.(onReset);
});

/** Waits for a subscription, and ends it. */
async function settle(end: (pending: Pending) => void): Promise<void> {
  await until(() => cluster.pending.length > 0, 'a subscription');
  cluster.pending.splice(0).forEach(end);
  await nextTurn();
}

describe('redisReplicaChannel on a cluster that only tells of lost connections', () => {
  it('reports a reset as soon as a subscription is in effect again', async () => {
    cluster.emit('node-reconnecting');
    await until(() => cluster.pending.length > 0, 'a subscription');
    expect(onReset).not.toHaveBeenCalled();
    await settle(({ resolve }) => resolve());
    expect(onReset).toHaveBeenCalledTimes(1);
  });

  it('sends nothing before all connections can have noticed the loss', async () => {
    cluster.emit('node-reconnecting');
    await nextTurn();
    expect(cluster.pending).toEqual([]);
    await settle(({ resolve }) => resolve());
    expect(onReset).toHaveBeenCalledTimes(1);
  });

  it('waits on when the connection is lost again meanwhile', async () => {
    cluster.emit('node-reconnecting');
    await until(() => cluster.pending.length > 0, 'a subscription');
    cluster.emit('node-reconnecting');
    await settle(({ reject }) => reject(new Error('lost')));
    expect(onReset).not.toHaveBeenCalled();
    await settle(({ resolve }) => resolve());
    expect(onReset).toHaveBeenCalledTimes(1);
  });

  it('waits no more when the client was closed', async () => {
    cluster.emit('node-reconnecting');
    await settle(({ reject }) => reject(new Error('closed')));
    expect(cluster.pending).toEqual([]);
    expect(onReset).not.toHaveBeenCalled();
  });

  it('leaves no listener', () => {
    stop?.();
    expect(cluster.eventNames()).toEqual([]);
  });
});

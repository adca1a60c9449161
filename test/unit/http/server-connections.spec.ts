import { EventEmitter } from 'node:events';
import type { Server } from 'node:net';
import { performance } from 'node:perf_hooks';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { ServerConnections } from '../../../lib/http/server-connections.js';

let nowMs: number;
let server: EventEmitter;
let connections: ServerConnections;
const destroy = jest.fn();

beforeEach(() => {
  jest.useFakeTimers();
  nowMs = 1_000;
  jest.spyOn(performance, 'now').mockImplementation(() => nowMs);
  destroy.mockClear();
  server = new EventEmitter();
  connections = new ServerConnections(server as Server);
  server.emit('connection', Object.assign(new EventEmitter(), { parser: {}, destroy }));
  connections.startClosing();
});
afterEach(() => {
  connections.stop();
  jest.useRealTimers();
  jest.restoreAllMocks();
});

const pass = (ms: number): void => {
  nowMs += ms;
  jest.advanceTimersByTime(ms);
};

describe('ServerConnections, while the server closes', () => {
  it('cuts a waiting connection after nine and a half seconds', () => {
    pass(9_499);
    expect(destroy).not.toHaveBeenCalled();
    pass(1);
    expect(destroy).toHaveBeenCalledTimes(1);
  });

  it('lets a delayed process respond first', () => {
    nowMs += 200;
    pass(9_500);
    expect(destroy).not.toHaveBeenCalled();
    nowMs += 200;
    pass(500);
    expect(destroy).toHaveBeenCalledTimes(1);
  });

  it('leaves connections alone once the server is closed', () => {
    connections.stop();
    pass(20_000);
    expect(destroy).not.toHaveBeenCalled();
  });
});

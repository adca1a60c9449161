import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { startWxCloudEmulator, type WxCloudEmulator } from '../../lib/emulator/index.js';
import { describeWithRedis as describe } from '../support/describe-with.js';
import { startRedisServer } from '../support/redis-server.js';

let redis: Awaited<ReturnType<typeof startRedisServer>>;
let emulator: WxCloudEmulator;
const children: ChildProcess[] = [];

beforeEach(async () => {
  [redis, emulator] = await Promise.all([startRedisServer(), startWxCloudEmulator()]);
});
afterEach(async () => {
  for (const child of children.splice(0)) {
    const isRunning = child.exitCode === null && child.signalCode === null;
    const exit = isRunning ? once(child, 'exit') : Promise.resolve();
    child.kill('SIGKILL');
    await exit;
  }
  await emulator.close();
  await redis.close();
});

/** A process that shares its token, and can be asked for calls. */
interface TokenProcess {
  readonly child: ChildProcess;
  call(count: number): Promise<{ succeeded: number; failed: readonly string[] }>;
}

async function startProcess(more: object = {}): Promise<TokenProcess> {
  const { options, env, bucket } = emulator;
  const fileId = `cloud://${env}.${bucket}/nothing`;
  const parts = JSON.stringify({ options: { ...options, ...more }, redisUrl: redis.url, fileId });
  const child = fork('test/support/programs/token-process.mjs', [parts], { execArgv: [] });
  children.push(child);
  await once(child, 'message');
  return {
    child,
    call: async count => {
      const answered = once(child, 'message');
      child.send(count);
      const [response] = (await answered) as [{ succeeded: number; failed: string[] }];
      return response;
    },
  };
}

const startProcesses = (count: number): Promise<TokenProcess[]> =>
  Promise.all(Array.from({ length: count }, () => startProcess()));
const countTokenCalls = (): number =>
  emulator.journal.filter(({ operation }) => operation === 'token').length;

describe('processes that share a token through Redis', () => {
  it('make one token call for 8 processes with 200 calls each', async () => {
    const processes = await startProcesses(8);
    const responses = await Promise.all(processes.map(({ call }) => call(200)));

    expect(responses).toEqual(responses.map(() => ({ succeeded: 200, failed: [] })));
    expect(emulator.journal.filter(({ operation }) => operation === 'upload-link')).toHaveLength(
      1_600,
    );
    expect(countTokenCalls()).toBe(1);
  });

  it('make one token call when their token was rejected', async () => {
    const processes = await startProcesses(3);
    await Promise.all(processes.map(({ call }) => call(1)));
    emulator.expireTokens();
    const responses = await Promise.all(processes.map(({ call }) => call(50)));

    expect(responses).toEqual(responses.map(() => ({ succeeded: 50, failed: [] })));
    expect(countTokenCalls()).toBe(2);
  });

  it('continue when the fetching process is killed', async () => {
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const [first, second] = await Promise.all([
      startProcess({ apiBaseUrl: `http://127.0.0.1:${port}` }),
      startProcess(),
    ]);
    const asked = once(silent, 'request');
    first.child.send(1);
    await asked;
    const response = second.call(5);
    first.child.kill('SIGKILL');

    expect(await response).toEqual({ succeeded: 5, failed: [] });
    expect(countTokenCalls()).toBe(1);
    silent.closeAllConnections();
    silent.close();
  });

  it('lose no call while Redis is down', async () => {
    const processes = await startProcesses(2);
    const callAll = async (): Promise<readonly string[]> => {
      const responses = await Promise.all(processes.map(({ call }) => call(20)));
      return responses.flatMap(({ failed }) => failed);
    };
    const failed = [...(await callAll())];
    await redis.stop();
    failed.push(...(await callAll()));
    emulator.expireTokens();
    failed.push(...(await callAll()));
    await redis.start();
    failed.push(...(await callAll()));
    emulator.expireTokens();
    failed.push(...(await callAll()));

    expect(failed).toEqual([]);
    expect(countTokenCalls()).toBeLessThanOrEqual(5);
  });
});

import { Test } from '@nestjs/testing';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { createClient } from 'redis';
import { startWxCloudEmulator, type WxCloudEmulator } from '../../lib/emulator/index.js';
import { WxCloudPendingFiles, WxCloudStorageModule } from '../../lib/index.js';
import { redisPendingFileStore } from '../../lib/redis/index.js';
import { afterThisTest } from '../support/after-test.js';
import { describeWithRedis as describe } from '../support/describe-with.js';
import { KilledApplications } from '../support/killed-applications.js';
import { promote, type RedisServer, startRedisServer } from '../support/redis-server.js';
import { startSwitchedProxy } from '../support/switched-proxy.js';
import { until } from '../support/until.js';

/** Another seed gives other requests and steps: `KILLS_SEED=7 npm run test:long -- kills`. */
const SEED = Number(process.env['KILLS_SEED'] ?? 1);
const PROCESSES = 4;

let emulator: WxCloudEmulator;

beforeEach(async () => {
  emulator = await startWxCloudEmulator();
});
afterEach(async () => emulator.close());

async function startRedis(extra: readonly string[]): Promise<RedisServer> {
  const redis = await startRedisServer(extra);
  afterThisTest(() => redis.close());
  return redis;
}

function startApplications(redisUrl: string): KilledApplications {
  const applications = new KilledApplications({
    emulator,
    redisUrl,
    seed: SEED,
    count: PROCESSES,
  });
  afterThisTest(() => applications.close());
  return applications;
}

/** A sweeper with a client of its own. */
async function startSweeper(redisUrl: string) {
  const client = createClient({ url: redisUrl });
  client.on('error', () => {});
  await client.connect();
  const pending = redisPendingFileStore(client);
  const app = await Test.createTestingModule({
    imports: [WxCloudStorageModule.forRoot({ ...emulator.options, pending })],
  }).compile();
  afterThisTest(async () => {
    await app.close();
    client.destroy();
  });
  const key = `wx-cloud-storage:{${emulator.env}}:pending`;
  return {
    client,
    countPending: () => client.zCard(key),
    /** Lets the time pass after which a sweep takes a file. */
    makeDue: () => client.zUnionStore(key, [{ key, weight: 0 }]),
    files: app.get(WxCloudPendingFiles),
  };
}

describe('4 processes that are killed 300 times', () => {
  it('leave nothing after a sweep, which deletes nothing that was promised', async () => {
    const redis = await startRedis(['--appendonly', 'yes', '--appendfsync', 'always']);
    const applications = startApplications(redis.url);
    const { book } = applications;
    const sweeper = await startSweeper(redis.url);

    for (let round = 0; round < 5; round += 1) {
      await applications.kill(60);
      await redis.crash();
      await redis.start();
      await sweeper.client.ping();
      await sweeper.makeDue();
      const { failed } = await sweeper.files.sweep({ unchecked: true, limit: 10_000 });
      expect(failed).toBe(0);
    }

    const { orphans, lost } = book.compare(emulator.objects);
    expect({ orphans, lost }).toEqual({ orphans: [], lost: [] });
    expect(await sweeper.countPending()).toBe(0);
    expect([...book.kills.values()].reduce((sum, count) => sum + count, 0)).toBe(300);
    expect(book.promised.size).toBeGreaterThan(50);
    // At many steps, and not only behind the requests.
    expect(book.kills.size).toBeGreaterThan(5);
  }, 1_800_000);
});

describe('processes whose Redis fails over to a replica that lacks the last writes', () => {
  it('lose no file that the application has recorded', async () => {
    const everySecond = ['--appendonly', 'yes', '--appendfsync', 'everysec'];
    const primary = await startRedis(everySecond);
    const link = await startSwitchedProxy(primary.port);
    afterThisTest(() => link.close());
    const replica = await startRedis([...everySecond, '--replicaof', `127.0.0.1 ${link.port}`]);
    const proxy = await startSwitchedProxy(primary.port);
    afterThisTest(() => proxy.close());
    const redisUrl = `redis://127.0.0.1:${proxy.port}`;
    const applications = startApplications(redisUrl);
    const { book } = applications;
    const sweeper = await startSweeper(redisUrl);

    await applications.kill(30);
    // Every file is recorded on both, and settled on the primary only.
    await sweeper.client.wait(1, 10_000);
    const before = await sweeper.countPending();
    const process = await applications.start();
    const answers = await applications.holdAndRelease(process, 8, async () => {
      await until(async () => (await sweeper.countPending()) === before + 8, 'eight records');
      await sweeper.client.wait(1, 10_000);
      await link.close();
    });
    expect(answers).toBe(8);
    await primary.crash();
    await promote(replica);
    proxy.switchTo(replica.port);
    await sweeper.client.ping();
    expect(await sweeper.countPending()).toBe(before + 8);

    await applications.kill(30);
    await sweeper.makeDue();
    const isInUse = async (fileIds: readonly string[]) =>
      fileIds.filter(fileId => book.recorded.has(fileId));
    const { kept, failed } = await sweeper.files.sweep({ isInUse, limit: 10_000 });

    expect(kept).toBeGreaterThanOrEqual(8);
    expect(failed).toBe(0);
    const { orphans, lost } = book.compare(emulator.objects);
    expect({ orphans, lost }).toEqual({ orphans: [], lost: [] });
  }, 600_000);
});

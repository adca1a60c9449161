import { performance } from 'node:perf_hooks';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { InstanceList } from '../../lib/http/application-registry.js';
import { OpenedInstances } from '../../lib/opened-instances.js';
import type { StorageContext } from '../../lib/storage/storage-context.js';
import { ScriptedPendingStore } from '../support/scripted-pending-store.js';
import type { WxCloudStorageService } from '../../lib/wx-cloud-storage.service.js';

/** The instances of an application without any of the module. */
class Instances implements InstanceList {
  readonly contexts = new Map<string, StorageContext>();

  find(): undefined {
    return undefined;
  }

  add(name: string, _: object, context: StorageContext): void {
    this.contexts.set(name, context);
  }

  hide(name: string): void {
    this.contexts.delete(name);
  }

  remove(): void {}

  get names(): readonly string[] {
    return [...this.contexts.keys()];
  }
}

let clock: jest.SpiedFunction<typeof performance.now>;
let list: Instances;
let opened: OpenedInstances;

const setSecond = (second: number): void => void clock.mockReturnValue(second * 1_000);
const OPTIONS = { env: 'prod-8gtest', appid: 'wx1', secret: 'a-secret' };
const open = (name: string, more: object = {}, settings = {}): Promise<WxCloudStorageService> =>
  opened.open(name, { ...OPTIONS, ...more }, settings);

beforeEach(() => {
  Logger.overrideLogger(false);
  clock = jest.spyOn(performance, 'now');
  setSecond(0);
  list = new Instances();
  opened = new OpenedInstances(list, 3);
});
afterEach(async () => {
  clock.mockRestore();
  await opened.end();
  Logger.overrideLogger(true);
});

describe('OpenedInstances.open, with as many as may be open', () => {
  beforeEach(async () => {
    for (const [second, name] of ['one', 'two', 'three'].entries()) {
      setSecond(second);
      await open(name);
    }
  });

  it('closes the one that was not used for longest', async () => {
    setSecond(3);
    await open('one');
    await open('four');
    expect(list.names).toEqual(['one', 'three', 'four']);
    // The former is being closed, and does not count.
    await open('four');
    await opened.close('one');
    await open('five');
    expect(list.names).toEqual(['three', 'four', 'five']);
  });

  it('closes none that is in use', async () => {
    setSecond(60);
    const release = list.contexts.get('one')?.operations.hold();
    const download = list.contexts.get('two')?.operations.start('download', {});
    await open('four');
    release?.();
    download?.dispose();
    expect(list.names).toEqual(['one', 'two', 'four']);
  });

  it('closes none whose store of pending files has to be told something', async () => {
    await opened.close('one');
    const store = new ScriptedPendingStore();
    store.answer = () => Promise.reject(new Error('down'));
    await open('one', { pending: store });
    const ledger = list.contexts.get('one')?.pending;
    const fileId = 'cloud://prod-8gtest.bucket/a';
    await ledger?.record(fileId);
    await ledger?.settle([fileId]);
    setSecond(3);
    await open('two');
    await open('three');
    setSecond(60);
    await open('four');
    expect(list.names).toEqual(['three', 'one', 'four']);
  });

  /** Replaces the first one; another takes its place before its successor is opened. */
  async function replaceWithoutRoom(): Promise<void> {
    const release = list.contexts.get('one')?.operations.hold();
    setSecond(60);
    const replacing = open('one', { secret: 'another' }, { replace: true });
    await open('four');
    for (const { operations } of list.contexts.values()) operations.touch();
    release?.();
    await expect(replacing).rejects.toMatchObject({ code: 'WX_CLOUD_CAPACITY_EXCEEDED' });
  }

  it('keeps a name for its new options, also when there is no room for them at first', async () => {
    await replaceWithoutRoom();
    await expect(open('one')).rejects.toMatchObject({ code: 'WX_CLOUD_OPTIONS_INVALID' });
    setSecond(120);
    await expect(open('one', { secret: 'another' })).resolves.toBeDefined();
  });

  it('frees a name that is kept when it is closed', async () => {
    await replaceWithoutRoom();
    await opened.close('one');
    setSecond(120);
    await expect(open('one')).resolves.toBeDefined();
  });

  it('rejects when all are in use, or may be about to be', async () => {
    for (const { operations } of list.contexts.values()) operations.touch();
    setSecond(2.999);
    await expect(open('four')).rejects.toMatchObject({
      code: 'WX_CLOUD_CAPACITY_EXCEEDED',
      retryable: true,
    });
    await expect(open('three')).resolves.toBeDefined();
    expect(list.names).toEqual(['one', 'two', 'three']);
    setSecond(3);
    await expect(open('four')).resolves.toBeDefined();
  });
});

import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { UploadProgressHub } from '../../../lib/http/upload-progress-hub.js';
import type { Replicas, ReplicaWatch } from '../../../lib/replicas/replicas.js';

const ID = 'an-id-of-16-signs';
const at = (transferredBytes: number) => ({
  index: 0,
  fieldname: 'video',
  transferredBytes,
  totalBytes: 1_000,
});

type Sink = Parameters<Replicas['watchUploads']>[1];

/** Stands for the other replicas. */
class OtherReplicas {
  readonly watches: { heardAtMs: number; files: readonly object[]; stops: number }[] = [];
  sink: Sink | undefined;

  watchUploads(_id: string, sink: Sink): ReplicaWatch {
    const watch = { heardAtMs: -Infinity, files: [], stops: 0 };
    this.watches.push(watch);
    this.sink = sink;
    return Object.assign(watch, { stop: () => void (watch.stops += 1) });
  }
}

let hub: UploadProgressHub;
let others: OtherReplicas;
let events: object[];

beforeEach(() => {
  jest.useFakeTimers();
  hub = new UploadProgressHub();
  others = new OtherReplicas();
  hub.addReplicas(others as unknown as Replicas);
  events = [];
});
afterEach(() => void jest.useRealTimers());

const watch = (list = events) => hub.watch(ID).subscribe(event => list.push(event));

describe('UploadProgressHub', () => {
  it('watches an ID on other replicas once, while it is watched here', () => {
    const subscriptions = [watch(), watch()];
    expect(others.watches).toHaveLength(1);
    subscriptions[0]?.unsubscribe();
    expect(others.watches[0]?.stops).toBe(0);
    subscriptions[1]?.unsubscribe();
    expect(others.watches[0]?.stops).toBe(1);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('asks replicas of an instance that was closed no more', () => {
    hub.removeReplicas(others as unknown as Replicas);
    watch();
    expect(others.watches).toEqual([]);
  });

  it('ends its watches on an instance that is closed, however often', () => {
    const subscription = watch();
    Object.assign(Object(others.watches[0]), { files: [at(5)] });
    for (let cycle = 0; cycle < 1_000; cycle += 1) {
      hub.removeReplicas(others as unknown as Replicas);
      expect(others.watches[cycle]?.stops).toBe(1);
      hub.addReplicas(others as unknown as Replicas);
    }
    // Of the first watch, nothing is left.
    watch().unsubscribe();
    expect(events).toEqual([]);
    subscription.unsubscribe();
    expect(others.watches).toHaveLength(1_001);
    expect(others.watches.every(({ stops }) => stops === 1)).toBe(true);
  });

  it('watches on instances that are opened later, too', () => {
    const [later, last] = [new OtherReplicas(), new OtherReplicas()];
    const subscription = watch();
    hub.begin('an-id-without-watchers');
    hub.addReplicas(later as unknown as Replicas);
    expect([others, later].map(({ watches }) => watches.length)).toEqual([1, 1]);
    later.sink?.progress(at(5));
    expect(events).toEqual([{ type: 'progress', ...at(5) }]);
    subscription.unsubscribe();
    expect(later.watches[0]?.stops).toBe(1);
    hub.addReplicas(last as unknown as Replicas);
    expect(last.watches).toEqual([]);
  });

  it('passes on progress and end of another replica', () => {
    watch();
    others.sink?.progress(at(5));
    others.sink?.end('stored');
    expect(events).toEqual([
      { type: 'progress', ...at(5) },
      { type: 'end', outcome: 'stored' },
    ]);
    expect(others.watches[0]?.stops).toBe(1);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('begins with the present progress, from here and from other replicas', () => {
    hub.begin(ID).report(at(7));
    watch([]);
    Object.assign(Object(others.watches[0]), { files: [at(5)] });
    watch();
    expect(events).toEqual([
      { type: 'progress', ...at(7) },
      { type: 'progress', ...at(5) },
    ]);
  });

  it('ends as unknown after a minute without a request', () => {
    watch();
    jest.advanceTimersByTime(59_999);
    expect(events).toEqual([]);
    jest.advanceTimersByTime(1);
    expect(events).toEqual([{ type: 'end', outcome: 'unknown' }]);
  });

  it('ends as unknown a minute after the last news of another replica', () => {
    watch();
    jest.advanceTimersByTime(50_000);
    Object.assign(Object(others.watches[0]), { heardAtMs: performance.now() });
    jest.advanceTimersByTime(59_999);
    expect(events).toEqual([]);
    jest.advanceTimersByTime(1);
    expect(events).toEqual([{ type: 'end', outcome: 'unknown' }]);
    expect(others.watches[0]?.stops).toBe(1);
  });

  it('tells the replicas of the instance that stores the files', () => {
    const shared = { report: jest.fn(), end: jest.fn() };
    const shareUpload = jest.fn(() => shared);
    const upload = hub.begin(ID, { shareUpload } as unknown as Replicas);
    upload.report(at(5));
    upload.report(at(6));
    upload.end(false);
    upload.end(true);
    expect(shareUpload.mock.calls).toEqual([[ID]]);
    expect(shared.report.mock.calls).toEqual([[at(5)]]);
    expect(shared.end.mock.calls).toEqual([['failed']]);
  });
});

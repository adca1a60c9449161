import { describe, expect, it, jest } from '@jest/globals';
import { rememberDisk } from '../../../lib/options/disk.js';

describe('rememberDisk', () => {
  it('asks once for each folder', () => {
    const disk = {
      freeBytesIn: jest.fn((): number | undefined => undefined),
      isWritable: jest.fn(() => true),
    };
    const remembered = rememberDisk(disk);
    for (const folder of ['/a', '/b', '/a']) {
      expect([remembered.freeBytesIn(folder), remembered.isWritable(folder)]).toEqual([
        undefined,
        true,
      ]);
    }
    expect(disk.freeBytesIn.mock.calls).toEqual([['/a'], ['/b']]);
    expect(disk.isWritable.mock.calls).toEqual([['/a'], ['/b']]);
  });

  it('asks again for a folder that was not writable', () => {
    const isWritable = jest.fn(() => true).mockReturnValueOnce(false);
    const remembered = rememberDisk({ freeBytesIn: () => 1, isWritable });
    expect([remembered.isWritable('/a'), remembered.isWritable('/a')]).toEqual([false, true]);
  });
});

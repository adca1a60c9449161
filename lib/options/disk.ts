import { randomUUID } from 'node:crypto';
import { closeSync, openSync, statfsSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';

/** Facts about the disk that options depend on. */
export interface Disk {
  /**
   * Returns the number of free bytes on a folder's disk; undefined where the system does not tell.
   */
  freeBytesIn(directory: string): number | undefined;
  /** True for an existing folder that this process may write to. */
  isWritable(directory: string): boolean;
}

/** Asks the system. */
export const SYSTEM_DISK: Disk = {
  freeBytesIn: directory => {
    try {
      const { bavail, bsize } = statfsSync(directory);
      return bavail * bsize;
    } catch {
      return undefined;
    }
  },
  /** Creates a file to find out, as permissions do not reveal a read-only or full file system. */
  isWritable: directory => {
    const file = join(directory, `wx-cloud-storage-${randomUUID()}.tmp`);
    try {
      closeSync(openSync(file, 'wx', 0o600));
      unlinkSync(file);
      return true;
    } catch {
      return false;
    }
  },
};

/**
 * Asks once for each folder: options that are resolved for every request must not wait for the
 * disk, and have the same defaults each time.
 */
export function rememberDisk(disk: Disk = SYSTEM_DISK): Disk {
  const freeBytes = new Map<string, number | undefined>();
  const writable = new Set<string>();
  return {
    freeBytesIn: directory => {
      if (!freeBytes.has(directory)) freeBytes.set(directory, disk.freeBytesIn(directory));
      return freeBytes.get(directory);
    },
    isWritable: directory => {
      if (!writable.has(directory) && disk.isWritable(directory)) writable.add(directory);
      return writable.has(directory);
    },
  };
}

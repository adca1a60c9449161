import { describe, expect, it } from '@jest/globals';
import {
  Journal,
  JOURNAL_LIMIT,
  type WxCloudEmulatorJournalEntry,
} from '../../../../lib/emulator/state/journal.js';

describe('Journal', () => {
  it.each([1, 2, 2.5])('keeps the newest 10,000 entries of %s times as many', times => {
    const journal = new Journal(undefined);
    const count = times * JOURNAL_LIMIT;
    for (let index = 1; index <= count; index += 1) journal.add(entryOf(`/${index}`));

    expect(JOURNAL_LIMIT).toBe(10_000);
    expect(journal.entries).toHaveLength(JOURNAL_LIMIT);
    expect(journal.entries[0]?.path).toBe(`/${count - JOURNAL_LIMIT + 1}`);
    expect(journal.entries.at(-1)?.path).toBe(`/${count}`);
  });
});

function entryOf(path: string): WxCloudEmulatorJournalEntry {
  return {
    operation: 'unknown',
    method: 'GET',
    path,
    status: 404,
    requestBytes: 0,
    responseBytes: 0,
    durationMs: 1,
  };
}

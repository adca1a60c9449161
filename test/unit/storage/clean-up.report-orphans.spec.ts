import { describe, expect, it, jest } from '@jest/globals';
import { RareWarnings } from '../../../lib/diagnostics.js';
import { OperationRegistry } from '../../../lib/operations/operation-registry.js';
import { reportOrphans } from '../../../lib/storage/clean-up.js';

function setUp(onOrphan: () => void) {
  const warn = jest.fn<(line: string) => void>();
  const logger = { warn };
  const context = {
    options: { onOrphan },
    logger,
    warnings: new RareWarnings(logger),
    operations: new OperationRegistry(1_000),
  };
  const report = (fileId: string): Promise<void> => reportOrphans(context as never, [fileId]);
  return { report, lines: () => warn.mock.calls.flat() };
}

describe('reportOrphans', () => {
  it('names the files in one line for each call', async () => {
    const { report, lines } = setUp(() => {});
    await report('cloud://e.b/1');
    await report('cloud://e.b/2');
    expect(lines()).toEqual([
      expect.stringMatching(/^Files of a failed call may remain.*: cloud:\/\/e\.b\/1$/),
      expect.stringMatching(/^Files of a failed call may remain.*: cloud:\/\/e\.b\/2$/),
    ]);
  });

  it('logs an error of onOrphan once a minute, without secrets', async () => {
    const { report, lines } = setUp(() => {
      throw new Error('POST https://example.com/?access_token=hiddenValue failed');
    });
    for (const fileId of ['cloud://e.b/1', 'cloud://e.b/2', 'cloud://e.b/3']) await report(fileId);
    const failures = lines().filter(line => line.startsWith('onOrphan failed: POST'));
    expect(failures).toHaveLength(1);
    expect(lines()).toHaveLength(4);
    expect(lines().join('\n')).not.toContain('hiddenValue');
  });
});

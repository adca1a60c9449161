import { Writable } from 'node:stream';
import { describe, expect, it, jest } from '@jest/globals';
import { Terminal } from '../../../lib/cli/terminal.js';
import { FakeProcess } from '../support/fake-process.js';

describe('Terminal', () => {
  it.each(['SIGINT', 'SIGTERM'])('ends on %s', async signal => {
    const process = new FakeProcess();
    const end = new Terminal(process).untilEnd();
    process.emit(signal, signal);
    await expect(end).resolves.toBeUndefined();
    expect(process.exit).not.toHaveBeenCalled();
  });

  it('ignores signals until it is awaited', () => {
    const process = new FakeProcess();
    const terminal = new Terminal(process);
    expect(process.eventNames()).toEqual([]);
    expect(terminal.untilEnd()).toBeInstanceOf(Promise);
    expect(process.eventNames()).toEqual(['SIGINT', 'SIGTERM']);
  });

  it('exits at once on a second signal, but not on the same one forwarded by npx', async () => {
    const now = jest.spyOn(performance, 'now');
    const process = new FakeProcess();
    const end = new Terminal(process).untilEnd();
    for (const atMs of [1_000, 1_100]) {
      now.mockReturnValueOnce(atMs);
      process.emit('SIGINT', 'SIGINT');
    }
    await end;
    expect(process.exit).not.toHaveBeenCalled();
    now.mockReturnValueOnce(1_700);
    process.emit('SIGINT', 'SIGINT');
    now.mockRestore();
    expect(process.exit.mock.calls).toEqual([[130]]);
  });

  it('ends when its output is closed, and tolerates further lines', async () => {
    const process = new FakeProcess();
    const terminal = new Terminal(process);
    process.stdout.destroy(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
    process.stderr.destroy(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
    await terminal.untilEnd();
    terminal.print('a line');
    terminal.printError('a line');
    expect(process.stdout.destroyed).toBe(true);
  });

  it('drops lines while its reader is a megabyte behind', () => {
    const process = Object.assign(new FakeProcess(), {
      stdout: new Writable({ write: () => undefined }),
    });
    const terminal = new Terminal(process);
    for (let count = 0; count < 20; count += 1) terminal.print('x'.repeat(100_000));
    expect(process.stdout.writableLength).toBeLessThan(1_200_000);
  });
});

import { EventEmitter } from 'node:events';
import { PassThrough, type Writable } from 'node:stream';
import { jest } from '@jest/globals';

/** The part of `process` that a command uses. */
export class FakeProcess extends EventEmitter {
  readonly stdout: Writable = new PassThrough();
  readonly stderr: Writable = new PassThrough();
  readonly exit = jest.fn<(code: number) => void>();

  /** The lines written to the output since the last call. */
  readLines(): readonly string[] {
    return String((this.stdout as PassThrough).read() ?? '')
      .split('\n')
      .slice(0, -1);
  }
}

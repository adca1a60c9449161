import { Readable } from 'node:stream';
import { StreamableFile } from '@nestjs/common';
import { describe, expect, it, jest } from '@jest/globals';
import { NEVER, of, throwError, type Observable } from 'rxjs';
import { decideByResult } from '../../../lib/http/handler-result.js';
import type { UploadTransaction } from '../../../lib/http/upload-transaction.js';

/** Passes a value on behind a commit that never ends; returns what has passed. */
function pass(value: unknown) {
  const commit = jest.fn(() => new Promise<void>(() => {}));
  const transaction = { isCommitDue: true, commit, rollBack: async () => {} };
  const passed: unknown[] = [];
  const result = decideByResult(
    of(value),
    transaction as never as UploadTransaction,
    error => error,
  );
  result.subscribe(each => passed.push(each));
  return { passed, commit };
}

describe('decideByResult', () => {
  it.each([
    ['a StreamableFile', new StreamableFile(Buffer.from('content'))],
    ['a stream', Readable.from(['content'])],
    ['a web stream', new ReadableStream()],
    ['a web response', new Response('content')],
    ['no value', undefined],
  ])('passes %s on at once, as its response is held', (_, value) => {
    const { passed, commit } = pass(value);
    expect(passed).toEqual([value]);
    expect(commit).not.toHaveBeenCalled();
  });

  it.each([
    ['an object', {}],
    ['text', 'text'],
    ['null', null],
  ])('commits before %s', (_, value) => {
    const { passed, commit } = pass(value);
    expect(passed).toEqual([]);
    expect(commit).toHaveBeenCalledTimes(1);
  });
});

/** Names the methods that a failed or forgotten result calls. */
function failuresOf(result: Observable<unknown>, isEventStream: boolean): readonly string[] {
  const calls: string[] = [];
  const note = (name: string) => async () => void calls.push(name);
  const transaction = {
    isCommitDue: false,
    rollBack: note('rollBack'),
    failHandler: note('failHandler'),
    rollBackUnlessBegun: note('rollBackUnlessBegun'),
  };
  const decided = decideByResult(
    result,
    transaction as never as UploadTransaction,
    error => error,
    isEventStream,
  );
  decided.subscribe({ error: () => {} }).unsubscribe();
  return calls;
}

const FAILED = throwError(() => new Error('of the handler'));

describe('the failure of a result', () => {
  it('leaves a success that has begun to its end', () => {
    expect(failuresOf(FAILED, false)).toEqual(['failHandler']);
    expect(failuresOf(NEVER, false)).toEqual(['rollBackUnlessBegun']);
  });

  it('decides for events, whose head was sent before the handler ran', () => {
    expect(failuresOf(FAILED, true)).toEqual(['rollBack']);
    expect(failuresOf(NEVER, true)).toEqual(['rollBack']);
  });
});

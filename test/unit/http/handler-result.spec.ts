import { Readable } from 'node:stream';
import { StreamableFile } from '@nestjs/common';
import { describe, expect, it, jest } from '@jest/globals';
import { of } from 'rxjs';
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

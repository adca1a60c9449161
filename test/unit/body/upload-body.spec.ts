import { describe, expect, it } from '@jest/globals';
import { Readable } from 'node:stream';
import { readChunks } from '../../../lib/body/chunks.js';
import { assertNothingLost } from '../../../lib/body/upload-body.js';
import { openBody, readAll, setUpBody } from '../support/bodies.js';

describe('assertNothingLost', () => {
  it.each([
    ['as many bytes as were counted', () => 5],
    ['content without a count', undefined],
  ])('accepts %s', (_, counted) => {
    expect(() => assertNothingLost(5, counted)).not.toThrow();
  });

  it.each([
    ['fewer bytes', () => 6, '5 bytes, but 6 bytes have arrived'],
    ['more bytes', () => 4, '5 bytes, but 4 bytes have arrived'],
    ['content that has not ended', () => undefined, '5 bytes, but more were to come'],
  ])('refuses %s than were counted', (_, counted, found) => {
    expect(() => assertNothingLost(5, counted)).toThrow(
      expect.objectContaining({
        code: 'WX_CLOUD_UPLOAD_INCOMPLETE',
        message: expect.stringContaining(found),
      }),
    );
  });
});

describe('the count of a body', () => {
  it.each([
    ['of unknown size', undefined],
    ['of a declared size', 200_003],
  ])('is what a stream %s has given, once it was read to its end', async (_, size) => {
    const { context } = setUpBody({ size });
    const chunks = [Buffer.alloc(100_000), Buffer.alloc(100_000), 'abc'];
    const body = await openBody(Readable.from(chunks), context);
    await readAll(body);
    expect(body.countedBytes?.()).toBe(200_003);
    await body.dispose();
  });

  it('is unknown before the end of the chunks', async () => {
    const { signal } = new AbortController();
    const chunks = readChunks(Readable.from([Buffer.alloc(3), Buffer.alloc(4)]), 1_000, signal);
    await chunks.next();
    await chunks.next();
    expect(chunks.countedBytes).toBeUndefined();
    await chunks.next();
    expect(chunks.countedBytes).toBe(7);
  });

  it('stays unknown where the reading ends early', async () => {
    const { signal } = new AbortController();
    const chunks = readChunks(Readable.from([Buffer.alloc(3), Buffer.alloc(4)]), 1_000, signal);
    await chunks.next();
    await chunks.return();
    expect(chunks.countedBytes).toBeUndefined();
  });
});

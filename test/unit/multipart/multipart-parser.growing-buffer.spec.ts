import { describe, expect, it } from '@jest/globals';
import { GrowingBuffer } from '../../../lib/multipart/multipart-parser.js';

describe('GrowingBuffer', () => {
  it('is empty at first and once it is cleared', () => {
    const buffer = new GrowingBuffer();
    expect(buffer.bytes).toEqual(Buffer.alloc(0));
    buffer.add(Buffer.from('abc'));
    buffer.clear();
    expect([buffer.size, buffer.bytes]).toEqual([0, Buffer.alloc(0)]);
    buffer.add(Buffer.from('d'));
    expect(String(buffer.bytes)).toBe('d');
  });

  it('keeps a single chunk without a copy', () => {
    const chunk = Buffer.from('abc');
    const buffer = new GrowingBuffer();
    buffer.add(chunk);
    expect(buffer.bytes.buffer).toBe(chunk.buffer);
    expect(buffer.bytes.byteOffset).toBe(chunk.byteOffset);
  });

  it('never writes into a given chunk', () => {
    const shared = Buffer.from('abcdef');
    const buffer = new GrowingBuffer();
    buffer.add(shared.subarray(0, 2));
    buffer.add(Buffer.from('xy'));
    expect(String(buffer.bytes)).toBe('abxy');
    expect(String(shared)).toBe('abcdef');
  });

  it('joins chunks of any size in order', () => {
    const chunks = Array.from({ length: 1_000 }, (_, index) => Buffer.alloc(index % 7, index));
    const buffer = new GrowingBuffer();
    for (const chunk of chunks) buffer.add(chunk);
    expect(buffer.bytes.equals(Buffer.concat(chunks))).toBe(true);
    expect(buffer.size).toBe(buffer.bytes.byteLength);
  });

  it('never holds more than twice its bytes', () => {
    const buffer = new GrowingBuffer();
    for (let size = 10; size <= 1_000; size += 10) {
      buffer.add(Buffer.allocUnsafeSlow(10));
      expect(buffer.bytes.buffer.byteLength).toBeLessThanOrEqual(2 * size);
    }
  });

  it('does not hold a large buffer for a few waiting bytes', () => {
    const large = Buffer.alloc(65_536, 'x');
    const buffer = new GrowingBuffer();
    buffer.add(large.subarray(0, 10));
    buffer.compact();
    expect(buffer.bytes.buffer.byteLength).toBe(10);
    buffer.add(Buffer.from('y'));
    buffer.compact();
    expect(buffer.bytes.toString()).toBe(`${'x'.repeat(10)}y`);
  });
});

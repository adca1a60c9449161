import { describe, expect, it, jest } from '@jest/globals';
import { buildForm } from '../../../../lib/storage/cos/form-body.js';
import { toTarget } from '../../../../lib/transport/http-client.js';
import {
  NEVER,
  onlyOf,
  openTransport,
  readRequest,
  type SeenRequest,
  serve,
} from '../../support/server.js';

const fields = {
  key: '照片/🐈 1.png',
  Signature: 'q-sign-algorithm=sha1&q-ak=x',
  'x-cos-security-token': 'token',
  'x-cos-meta-fileid': 'meta',
  'Content-Type': 'image/png',
};

async function collect(body: Buffer | AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of Buffer.isBuffer(body) ? [body] : body) chunks.push(chunk);
  return chunks;
}

async function* inChunks(file: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < file.byteLength; start += size) {
    yield file.subarray(start, start + size);
  }
}

/** Name, and raw text, of the parts of a form in their order. */
function takeApart(form: Buffer, contentType: string): (readonly [string, string])[] {
  const boundary = contentType.replace('multipart/form-data; boundary=', '');
  const parts = form.toString('latin1').split(`--${boundary}`);
  expect([parts[0], parts.at(-1)]).toEqual(['', '--\r\n']);
  return parts.slice(1, -1).map(part => {
    const [head = '', ...rest] = part.split('\r\n\r\n');
    return [/ name="([^"]*)"/.exec(head)?.[1] ?? '', rest.join('\r\n\r\n').slice(0, -2)] as const;
  });
}

describe('buildForm', () => {
  it('is as long as announced for a file with two bytes more, without the last line end', async () => {
    const file = Buffer.alloc(300_002, 'x');
    const { headers, body } = buildForm({
      fields,
      size: 300_000,
      file: inChunks(file, 65_536),
      extraBytes: () => 2,
    });
    const form = Buffer.concat(await collect(body));
    const boundary = headers['content-type'].replace('multipart/form-data; boundary=', '');
    expect(form.byteLength).toBe(Number(headers['content-length']));
    expect(form.toString('latin1').endsWith(`x\r\n--${boundary}--`)).toBe(true);
  });

  it.each([4, 6])('does not make up for a small file of %d bytes instead of 5', async size => {
    const { headers, body } = buildForm({ fields, size: 5, file: Buffer.alloc(size) });
    const form = Buffer.concat(await collect(body));
    expect(form.byteLength - Number(headers['content-length'])).toBe(size - 5);
  });

  it('makes no copy when there is no memory', async () => {
    const canJoin = jest.fn(() => false);
    const file = [Buffer.from('ab'), Buffer.from('c')];
    const { headers, body } = buildForm({ fields, size: 3, file, canJoin });
    const sent = await collect(body);
    expect(sent).toEqual(expect.arrayContaining(file));
    expect(Buffer.concat(sent).byteLength).toBe(Number(headers['content-length']));
    expect(canJoin.mock.calls).toEqual([[Number(headers['content-length'])]]);
  });

  it.each([
    ['an empty buffer', 0, (bytes: Buffer) => bytes],
    ['one byte', 1, (bytes: Buffer) => bytes],
    ['a small buffer', 1_000, (bytes: Buffer) => bytes],
    ['a large buffer', 1_000_000, (bytes: Buffer) => bytes],
    ['a small stream', 1_000, (bytes: Buffer) => inChunks(bytes, 7)],
    ['a large stream', 300_000, (bytes: Buffer) => inChunks(bytes, 65_536)],
    ['an empty stream', 0, (bytes: Buffer) => inChunks(bytes, 10)],
  ])('announces the exact length of %s', async (_, size, open) => {
    const bytes = Buffer.alloc(size, 'x');
    const file = open(bytes);
    const { headers, body } = buildForm({ fields, size, file });
    const sent = Buffer.concat(await collect(body));
    expect(headers['content-length']).toBe(String(sent.byteLength));
    const parts = takeApart(sent, headers['content-type']);
    expect(parts.at(-1)).toEqual(['file', bytes.toString('latin1')]);
  });

  it('sends the fields in their order as raw UTF-8, and the file last', async () => {
    const { headers, body } = buildForm({ fields, size: 2, file: Buffer.from('\r\n') });
    const parts = takeApart(Buffer.concat(await collect(body)), headers['content-type']);
    expect(parts.map(([name]) => name)).toEqual([...Object.keys(fields), 'file']);
    expect(Buffer.from(String(parts[0]?.[1]), 'latin1').toString()).toBe(fields.key);
    expect(parts.at(-1)?.[1]).toBe('\r\n');
  });

  it('makes a new boundary for every form', () => {
    const types = Array.from(
      { length: 20 },
      () => buildForm({ fields, size: 0, file: Buffer.alloc(0) }).headers['content-type'],
    );
    expect(new Set(types).size).toBe(20);
    expect(Math.max(...types.map(type => type.length))).toBeLessThan(130);
  });

  it('sends a large buffer in chunks without copying it', async () => {
    const file = Buffer.alloc(1_000_000);
    const chunks = await collect(buildForm({ fields, size: file.byteLength, file }).body);
    expect(chunks.length).toBeGreaterThan(4);
    expect(Math.max(...chunks.map(chunk => chunk.byteLength))).toBeLessThanOrEqual(262_144);
    expect(chunks.slice(1, -1).map(chunk => chunk.buffer === file.buffer)).not.toContain(false);
  });

  it('counts as sent only once its last chunk was read', async () => {
    const file = Buffer.alloc(262_144);
    const { body, isSent } = buildForm({ fields, size: file.byteLength, file });
    const iterator = (body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
    const seen: boolean[] = [isSent()];
    await iterator.next();
    seen.push(isSent());
    await iterator.next();
    seen.push(isSent());
    expect(seen).toEqual([false, false, false]);
    await iterator.next();
    expect(isSent()).toBe(true);
    await expect(iterator.next()).resolves.toMatchObject({ done: true });
  });

  it('is not sent when its source fails', async () => {
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('a');
      throw new Error('source failed');
    }
    const { body, isSent } = buildForm({ fields, size: 5, file: broken() });
    await expect(collect(body)).rejects.toThrow('source failed');
    expect(isSent()).toBe(false);
  });

  it('is not sent when it is returned while its source is awaited', async () => {
    let end = (_result: IteratorResult<Uint8Array>): void => {};
    const waiting: AsyncIterableIterator<Uint8Array> = {
      next: () => new Promise(resolve => (end = resolve)),
      return: () => {
        const result = { done: true, value: undefined } as const;
        end(result);
        return Promise.resolve(result);
      },
      [Symbol.asyncIterator]: () => waiting,
    };
    const { body, isSent } = buildForm({ fields, size: 500_000, file: waiting });
    const iterator = body as AsyncIterableIterator<Uint8Array>;
    await iterator.next();
    const next = iterator.next();
    await iterator.return?.();
    await expect(next).resolves.toEqual({ done: true, value: undefined });
    expect(isSent()).toBe(false);
  });

  it('returns its source once, whatever asks for it', async () => {
    const returned = jest.fn();
    async function* endless(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield Buffer.from('a');
      } finally {
        returned();
      }
    }
    const { body } = buildForm({ fields, size: 500_000, file: endless() });
    const iterator = body as AsyncIterableIterator<Uint8Array>;
    await iterator.next();
    await iterator.next();
    const ends = await Promise.all([iterator.return?.(), iterator.return?.(), iterator.next()]);
    expect(ends.map(end => end?.done)).toEqual([true, true, true]);
    expect(returned).toHaveBeenCalledTimes(1);
  });

  it.each([
    ['as one buffer', Buffer.from('hello')],
    ['in chunks', inChunks(Buffer.from('hello'), 2)],
  ])('is sent with a length and never chunked, %s', async (_, file) => {
    const requests: SeenRequest[] = [];
    const url = await serve((request, response) => {
      void readRequest(request).then(seen => {
        requests.push(seen);
        return response.writeHead(204).end();
      });
    });
    const { headers, body } = buildForm({ fields, size: 5, file });
    const target = toTarget(new URL(url));
    const call = { endpoint: 'POST object', method: 'POST', target, headers, body } as const;
    const response = await openTransport().requestBuffered({ ...call, signal: NEVER }, 10);
    expect(response.status).toBe(204);
    const seen = onlyOf(requests);
    expect(seen.headers).toMatchObject(headers);
    expect(seen.headers).not.toHaveProperty('transfer-encoding');
    expect(seen.body.byteLength).toBe(Number(headers['content-length']));
  });
});

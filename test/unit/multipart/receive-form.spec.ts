import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { describe, expect, it, jest } from '@jest/globals';
import { completeLimits } from '../../../lib/http/upload/upload-options.js';
import type { FormFile } from '../../../lib/multipart/form-reader.js';
import {
  type ComingForm,
  receiveForm,
  type TakenFile,
} from '../../../lib/multipart/receive-form.js';
import type { FormFields } from '../../../lib/multipart/text-fields.js';
import { OperationRegistry } from '../../../lib/operations/operation-registry.js';
import { until } from '../../support/until.js';

type OnFile = (file: FormFile, form: ComingForm) => TakenFile;

const TEXT = '--b\r\nContent-Disposition: form-data; name="title"\r\n\r\na text\r\n';
const FILE = '--b\r\nContent-Disposition: form-data; name="photo"; filename="a.png"\r\n\r\ncontent';
const END = '\r\n--b--\r\n';
const LENGTH = String((TEXT + FILE + END).length);

function makeSink() {
  return { add: jest.fn(), end: jest.fn(), fail: jest.fn() };
}

/** A request whose body the test pushes. */
function start(onFile: OnFile, headers: IncomingMessage['headers'] = {}) {
  const stream = new Readable({ read: () => {} });
  const request = Object.assign(stream, {
    complete: false,
    httpVersionMajor: 1,
    headers: { 'content-type': 'multipart/form-data; boundary=b', ...headers },
  }) as unknown as Readable & IncomingMessage;
  const operations = new OperationRegistry(60_000);
  const target: { body?: FormFields } = {};
  const memory = { assertRoom: jest.fn(), take: () => {}, count: () => {}, release: () => {} };
  const limits = completeLimits();
  const timeouts = { idleMs: 60_000, totalMs: 60_000 };
  const receiving = receiveForm(request, {
    limits,
    memory,
    target,
    onFile,
    operations,
    timeouts,
  });
  return { request, operations, target, memory, receiving };
}

describe('receiveForm', () => {
  it('puts texts into the body, passes files to onFile, and waits for their result', async () => {
    const sink = makeSink();
    const { promise: done, resolve } = withResolvers();
    const onFile = jest.fn<OnFile>(() => ({ sink, done }));
    const { request, target, receiving } = start(onFile);
    const settled = jest.fn();
    void receiving.then(settled);
    request.push(TEXT + FILE + END);
    request.push(null);
    await until(() => sink.end.mock.calls.length === 1, 'the end of the file');
    expect(target.body).toEqual({ title: 'a text' });
    expect(onFile.mock.calls.map(([file]) => file)).toEqual([
      expect.objectContaining({ fieldname: 'photo', originalname: 'a.png' }),
    ]);
    expect(settled).not.toHaveBeenCalled();
    resolve();
    await expect(receiving).resolves.toEqual({});
  });

  it.each([
    ['the length of the request', { 'content-length': LENGTH }, 'content'.length],
    ['nothing where the request does not say', {}, undefined],
  ])('derives the maximum size of a file from %s', async (_, headers, mostBytes) => {
    const found: unknown[] = [];
    const onFile: OnFile = (_file, form) => {
      found.push(form.likelyFileBytes());
      return { sink: makeSink(), done: Promise.resolve() };
    };
    const { request, receiving } = start(onFile, headers);
    request.push(TEXT + FILE + END);
    request.push(null);
    await receiving;
    expect(found).toEqual([mostBytes]);
  });

  it('fails at once with the failing file, aborts the others, and discards the rest', async () => {
    const failure = new Error('refused');
    const coming = makeSink();
    const onFile = jest
      .fn<OnFile>(() => ({ sink: coming, done: new Promise(() => {}) }))
      .mockImplementationOnce(() => ({ sink: makeSink(), done: Promise.reject(failure) }));
    const { request, receiving } = start(onFile);
    request.push(`${FILE}\r\n${FILE}`);
    await expect(receiving).rejects.toBe(failure);
    expect(coming.fail.mock.calls).toEqual([[failure]]);
    request.push('more');
    await until(() => request.readableLength === 0, 'the rest');
    request.push(null);
    await until(() => request.readableEnded, 'the end');
  });

  it('rejects a form that ends in the middle of a file, and fails the file', async () => {
    const sink = makeSink();
    const { request, receiving } = start(() => ({ sink, done: new Promise(() => {}) }));
    request.push(TEXT + FILE);
    request.push(null);
    await expect(receiving).rejects.toMatchObject({ code: 'WX_CLOUD_FORM_INVALID' });
    expect([sink.fail.mock.calls.length, sink.end.mock.calls.length]).toEqual([1, 0]);
  });

  it('fails when the application closes, and reads no further', async () => {
    const sink = makeSink();
    const { request, operations, receiving } = start(() => ({ sink, done: Promise.resolve() }));
    request.push(FILE);
    await until(() => sink.add.mock.calls.length > 0, 'the file');
    await Promise.all([
      expect(receiving).rejects.toMatchObject({ code: 'WX_CLOUD_STORAGE_CLOSED' }),
      operations.close(),
    ]);
    expect(request.isPaused()).toBe(true);
    expect(request.listenerCount('data')).toBe(0);
  });

  it.each([
    ['a form without a boundary', { 'content-type': 'multipart/form-data' }],
    ['a compressed form', { 'content-encoding': 'gzip' }],
  ])('rejects %s before it reserves memory', async (_, headers) => {
    const { request, memory, target, receiving } = start(jest.fn<OnFile>(), headers);
    await expect(receiving).rejects.toMatchObject({ code: 'WX_CLOUD_FORM_INVALID' });
    expect(memory.assertRoom).not.toHaveBeenCalled();
    expect([target, request.readableDidRead]).toEqual([{}, false]);
  });
});

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve: () => void = () => {};
  const promise = new Promise<void>(settle => (resolve = settle));
  return { promise, resolve };
}

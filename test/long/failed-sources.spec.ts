import { Controller, Post, UseInterceptors } from '@nestjs/common';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import type { WxCloudEmulatorFault } from '../../lib/emulator/index.js';
import { WxCloudFileInterceptor, type WxCloudUploadBodyOptions } from '../../lib/index.js';
import { encodeForm, openRequest, type RawRequest } from '../e2e/http/support/raw-request.js';
import { ADAPTERS } from '../support/adapters.js';
import { type FaultApplication, startFaultApplication } from '../support/fault-application.js';
import { pngOfSize } from '../support/forms.js';
import { until } from '../support/until.js';
import { BUCKET, PART_BYTES } from '../support/ways.js';

/** The faults of an abort that matter most; all of them: `form-faults.spec.ts`. */
const ABORTS: readonly (readonly [string, readonly WxCloudEmulatorFault[]])[] = [
  ['succeeds', []],
  [
    'is lost on its way back',
    [{ operation: 'abort-multipart-upload', effect: { kind: 'reset', at: 'answer' } }],
  ],
  [
    'fails once with 503',
    [{ operation: 'abort-multipart-upload', effect: { kind: 'status', status: 503 } }],
  ],
  [
    'always fails with 503',
    [
      {
        operation: 'abort-multipart-upload',
        effect: { kind: 'status', status: 503 },
        times: Infinity,
      },
    ],
  ],
  ['is slow', [{ operation: 'abort-multipart-upload', effect: { kind: 'delay', delayMs: 300 } }]],
];
/** Number of bytes and parts that have been sent when the source fails. */
const SIZES = [
  { name: 'below one part', bytes: 500_000, sentParts: 0 },
  { name: 'behind the first part', bytes: PART_BYTES + 200_000, sentParts: 1 },
] as const;
const CASES = SIZES.flatMap(size => ABORTS.map(([abort, faults]) => ({ ...size, abort, faults })));

/** Waits until the parts that can be sent have arrived. */
async function untilSent({ emulator }: FaultApplication, sentParts: number): Promise<void> {
  await until(
    () =>
      emulator.journal.filter(({ operation }) => operation === 'upload-part').length >= sentParts,
    'the first part',
  );
}

async function expectNothingLeft(application: FaultApplication): Promise<void> {
  const { emulator, storage } = application;
  await application.expectNoUnfinishedUpload();
  await application.expectNothingHeld();
  application.expectNoSecret([], storage);
  expect(emulator.objects).toEqual([]);
  const operations = emulator.journal.map(({ operation }) => operation);
  expect(operations).not.toContain('complete-multipart-upload');
}

/** A stream that fails once it has given its first bytes. */
interface FailingStream {
  readonly failure: string;
  readonly code: string;
  /** 0 for a body of known size, which is sent in one request. */
  readonly partsPerPart: 0 | 1;
  readonly options: (bytes: number, signal: AbortSignal) => WxCloudUploadBodyOptions;
  readonly fail: (source: PassThrough, controller: AbortController) => void;
}

const STREAMS: readonly FailingStream[] = [
  {
    failure: 'throws',
    code: 'WX_CLOUD_BODY_FAILED',
    partsPerPart: 1,
    options: () => ({}),
    fail: source => void source.destroy(new Error('gone')),
  },
  {
    failure: 'is closed without an error',
    code: 'WX_CLOUD_BODY_FAILED',
    partsPerPart: 1,
    options: () => ({}),
    fail: source => void source.destroy(),
  },
  {
    failure: 'ends before its size',
    code: 'WX_CLOUD_SIZE_MISMATCHED',
    partsPerPart: 0,
    options: bytes => ({ size: bytes + 1 }),
    fail: source => void source.end(),
  },
  {
    failure: 'is longer than its size',
    code: 'WX_CLOUD_SIZE_MISMATCHED',
    partsPerPart: 0,
    options: bytes => ({ size: bytes }),
    fail: source => void source.end('more'),
  },
  {
    failure: 'is aborted by its caller',
    code: 'WX_CLOUD_REQUEST_ABORTED',
    partsPerPart: 1,
    options: (_, signal) => ({ signal }),
    fail: (_, controller) => controller.abort(),
  },
  {
    failure: 'stalls',
    code: 'WX_CLOUD_BODY_STALLED',
    partsPerPart: 1,
    options: () => ({}),
    fail: () => {},
  },
];
/** Long enough for a busy machine; streams and clients that stall wait for it. */
const TIMEOUTS = { headersMs: 1_000, idleMs: 1_000, totalMs: 10_000 };

describe.each(STREAMS)(
  'upload of a stream that $failure',
  ({ code, partsPerPart, options, fail }) => {
    it.each(CASES)('stores nothing $name, when the abort $abort', async at => {
      const application = await startFaultApplication({ way: BUCKET, timeouts: TIMEOUTS });
      const { emulator, storage } = application;
      for (const fault of at.faults) emulator.faults.add(fault);
      const controller = new AbortController();
      const source = new PassThrough({ highWaterMark: 2 * PART_BYTES });
      source.write(pngOfSize(at.bytes));
      const more = options(at.bytes, controller.signal);
      const upload = storage.upload('a.png', source, { uniquePath: true, ...more });
      await Promise.all([
        expect(upload).rejects.toMatchObject({ code }),
        untilSent(application, at.sentParts * partsPerPart).then(() => fail(source, controller)),
      ]);
      await expectNothingLeft(application);
    });
  },
);

@Controller()
class PhotosController {
  @Post('photos')
  @UseInterceptors(WxCloudFileInterceptor('photo', { declaredSize: { header: 'x-size' } }))
  create() {
    return { stored: true };
  }
}

/** A client whose form fails once the first bytes of its file have been sent. */
interface FailingClient {
  readonly client: string;
  /** The response; empty for a client that does not wait for one. */
  readonly response: RegExp;
  /** 0 for a file of declared size, which is sent in one request. */
  readonly partsPerPart: 0 | 1;
  /** The declared length of the request. */
  readonly length: (form: Buffer, sentBytes: number) => number;
  readonly headers: (bytes: number) => Readonly<Record<string, string>>;
  readonly fail: (request: RawRequest, rest: Buffer) => void;
}

const wholeLength = (form: Buffer): number => form.byteLength;
const declare = (bytes: number) => ({ 'x-size': String(bytes) });
const USUAL = { partsPerPart: 1, length: wholeLength, headers: () => ({}) } as const;
const CLIENTS: readonly FailingClient[] = [
  { ...USUAL, client: 'goes away', response: /^$/, fail: request => request.leave() },
  {
    ...USUAL,
    client: 'ends its connection',
    response: /^$|^HTTP\/1\.1 400 /,
    fail: request => void request.socket.end(),
  },
  {
    ...USUAL,
    client: 'ends its form early',
    response: /^HTTP\/1\.1 400 /,
    length: (_, sentBytes) => sentBytes + 50_000,
    fail: (request, rest) => request.send(rest.subarray(0, 50_000)),
  },
  { ...USUAL, client: 'stalls', response: /^HTTP\/1\.1 408 /, fail: () => {} },
  {
    ...USUAL,
    client: 'sends a damaged end',
    response: /^HTTP\/1\.1 400 /,
    fail: (request, rest) => request.send(rest.subarray(0, -6), Buffer.alloc(6)),
  },
  {
    ...USUAL,
    client: 'has declared less',
    response: /^HTTP\/1\.1 400 /,
    partsPerPart: 0,
    headers: bytes => declare(bytes - 1),
    fail: (request, rest) => request.send(rest),
  },
  {
    ...USUAL,
    client: 'has declared more',
    response: /^HTTP\/1\.1 400 /,
    partsPerPart: 0,
    headers: bytes => declare(bytes + 1),
    fail: (request, rest) => request.send(rest),
  },
];

describe.each(ADAPTERS)('a form on $name', adapter => {
  describe.each(CLIENTS)(
    'whose client $client',
    ({ response, partsPerPart, length, headers, fail }) => {
      it.each(CASES)('stores nothing $name, when the abort $abort', async at => {
        const application = await startFaultApplication({
          way: BUCKET,
          adapter,
          controllers: [PhotosController],
          timeouts: TIMEOUTS,
        });
        const { emulator, url } = application;
        for (const fault of at.faults) emulator.faults.add(fault);
        const bytes = at.bytes + 100_000;
        const form = encodeForm([{ field: 'photo', content: pngOfSize(bytes), fileName: 'a.png' }]);
        const request = openRequest(url, {
          path: '/photos',
          length: length(form, at.bytes),
          headers: headers(bytes),
        });
        request.send(form.subarray(0, at.bytes));

        await untilSent(application, at.sentParts * partsPerPart);
        fail(request, form.subarray(at.bytes));

        expect(await request.response).toMatch(response);
        await expectNothingLeft(application);
      });
    },
  );
});

import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { MemoryBudget, type MemoryUse, startMemoryUse } from '../../../lib/body/memory-budget.js';
import {
  openSource,
  type SourceContext,
  type SourceInput,
  type WxCloudUploadSource,
} from '../../../lib/body/open-source.js';
import { DiskBudget } from '../../../lib/body/temporary-file.js';
import type { BodyBytes, UploadBody } from '../../../lib/body/upload-body.js';
import { afterThisTest } from '../../support/after-test.js';

/** A folder of the running test's own. */
export function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'unit-body-'));
  afterThisTest(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Lists the names in a folder and, on Linux, its files that this process holds open. */
export function leftIn(folder: string): readonly string[] {
  const held = process.platform === 'linux' ? readdirSync('/proc/self/fd').map(readDescriptor) : [];
  return [...readdirSync(folder), ...held.filter(path => path.startsWith(folder))];
}

function readDescriptor(descriptor: string): string {
  try {
    return readlinkSync(join('/proc/self/fd', descriptor));
  } catch {
    // The descriptor with which the list itself was read.
    return '';
  }
}

/** The arguments with which a test opens a source. */
export interface OpeningContext extends SourceContext {
  /** The size that is declared. */
  readonly size?: number | undefined;
  /** The most bytes that it can have. */
  readonly mostBytes?: number | undefined;
  /** Ends the reading. */
  readonly signal: AbortSignal;
  /** Checks the first bytes; throwing rejects the body. */
  readonly inspectHead: (head: Uint8Array) => Promise<void>;
}

/** A body with the disposal of its source. */
export type OpenedBody = UploadBody & { readonly dispose: () => Promise<void> };

/** Opens a source as an upload does: checks its head, reads the rest, disposes it on failure. */
export async function openInput(
  input: SourceInput,
  context: Omit<OpeningContext, 'size' | 'mostBytes'>,
): Promise<OpenedBody> {
  const source = await openSource(input, context, context.signal);
  try {
    await context.inspectHead(source.head);
    return { ...(await source.complete()), dispose: () => source.dispose() };
  } catch (error) {
    await source.dispose();
    throw error;
  }
}

/** Opens a source of a caller of the service. */
export function openBody(
  source: WxCloudUploadSource,
  context: OpeningContext,
): Promise<OpenedBody> {
  return openInput({ source, size: context.size }, context);
}

/** Opens chunks of a form, which owns them no longer. */
export function openComing(
  chunks: AsyncIterable<Uint8Array>,
  context: OpeningContext,
): Promise<OpenedBody> {
  const queue = Object.assign(chunks, {
    isMoveRequested: false,
    countedBytes: undefined,
    takeWhole: () => undefined,
  });
  return openInput({ queue, size: context.size, mostBytes: context.mostBytes }, context);
}

/** The observable parts of a context. */
export interface BodySetup {
  /** The context for opening a body. */
  readonly context: OpeningContext;
  /** The folder of temporary files. */
  readonly folder: string;
  /** Bytes of the budget that are free: 250 when nothing is held. */
  readonly free: () => number;
  /** The counter of used memory. */
  readonly memory: MemoryUse;
  /** Bytes that temporary files take. */
  readonly onDisk: () => number;
  /** The checked first bytes. */
  readonly head: () => Buffer | undefined;
}

/** Files get seven eighths of it: 250 bytes. */
const BUDGET_BYTES = 286;

/** The options that matter to a source. */
export function optionsWith(memoryLimitBytes: number): SourceContext['options'] {
  return { upload: { memoryLimitBytes }, timeouts: { idleMs: 5_000 } };
}

/** A context with small limits: 100 bytes a body in memory, 250 together, 16 MiB on disk. */
export function setUpBody(
  given: Partial<OpeningContext> = {},
  { memory = startMemoryUse(), diskBytes = 16_777_216 } = {},
): BodySetup {
  const folder = makeFolder();
  const budget = new MemoryBudget(BUDGET_BYTES, memory);
  const diskUse = { usedBytes: 0 };
  let seen: Buffer | undefined;
  const context: OpeningContext = {
    options: optionsWith(100),
    budget,
    diskBudget: new DiskBudget(folder, diskBytes, diskUse),
    signal: new AbortController().signal,
    inspectHead: async head => {
      seen = Buffer.from(head);
    },
    ...given,
  };
  return {
    context,
    folder,
    memory,
    free: () => 250 - memory.usedBytes,
    onDisk: () => diskUse.usedBytes,
    head: () => seen,
  };
}

/** Everything that a body yields. */
export async function readAll(
  body: Pick<UploadBody, 'open'>,
  signal?: AbortSignal,
): Promise<Buffer> {
  return joinChunks(body.open(signal ?? new AbortController().signal));
}

/** Everything that an iterable yields. */
export async function joinChunks(chunks: BodyBytes): Promise<Buffer> {
  if (Buffer.isBuffer(chunks)) return chunks;
  const read: Buffer[] = [];
  for await (const chunk of chunks) read.push(Buffer.from(chunk));
  return Buffer.concat(read);
}

/** Yields the given chunks. */
export async function* chunksOf(...chunks: unknown[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield chunk as Uint8Array;
}

/** Returns the prototype of all file handles. */
async function fileHandlePrototype(): Promise<FileHandle> {
  const handle = await open(process.execPath, 'r');
  await handle.close();
  return Object.getPrototypeOf(handle) as FileHandle;
}

/** Makes a method of every file handle fail as on a full disk, until the test ends. */
export async function failFileHandles(method: 'writev' | 'read', code: string): Promise<void> {
  const spy = jest
    .spyOn(await fileHandlePrototype(), method)
    .mockRejectedValue(Object.assign(new Error(`${code}: ${method}`), { code }));
  afterThisTest(() => spy.mockRestore());
}

/** Makes closing every file fail although it closes, as on a network disk, until the test ends. */
export async function failClosing(code: string): Promise<void> {
  const handle = await open(process.execPath, 'r');
  // Every handle has a `close` of its own; what they share is the binding behind them.
  const key = Object.getOwnPropertySymbols(handle).find(
    ({ description }) => description === 'kHandle',
  );
  const { [key as keyof FileHandle]: binding } = handle;
  await handle.close();
  const shared = Object.getPrototypeOf(binding) as { close: () => Promise<void> };
  const { close } = shared;
  const spy = jest.spyOn(shared, 'close').mockImplementation(async function (this: typeof shared) {
    await close.call(this);
    throw Object.assign(new Error(`${code}: close`), { code });
  });
  afterThisTest(() => spy.mockRestore());
}

/** Makes every write to a file take no more than `mostBytes`, until the test ends. */
export async function shortenWrites(mostBytes: number): Promise<void> {
  const spy = jest.spyOn(await fileHandlePrototype(), 'writev').mockImplementation(async function (
    this: FileHandle,
    buffers,
  ) {
    const part = Buffer.concat(buffers as readonly Uint8Array[]).subarray(0, mostBytes);
    const { bytesWritten } = await this.write(part);
    return { bytesWritten, buffers: [...buffers] };
  });
  afterThisTest(() => spy.mockRestore());
}

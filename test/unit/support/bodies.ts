import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import {
  MemoryBudget,
  type BodyBytes,
  type OpenBodyContext,
  type UploadBody,
} from '../../../lib/body/index.js';
import { afterThisTest } from './server.js';

/** A folder of the running test's own. */
export function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'unit-body-'));
  afterThisTest(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** What of a folder is left: names in it, and files of it that this process holds open (Linux shows them). */
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

/** The parts of a context that tests look at. */
export interface BodySetup {
  /** What opening a body takes. */
  readonly context: OpenBodyContext;
  /** Where temporary files go. */
  readonly folder: string;
  /** Bytes of the budget that are free. */
  readonly free: () => number;
}

/** A context with small limits: 100 bytes a body in memory, 250 together. */
export function setUpBody(given: Partial<OpenBodyContext> = {}): BodySetup {
  const folder = makeFolder();
  const budget = new MemoryBudget(250, { usedBytes: 0 });
  const limits = {
    memoryLimitBytes: 100,
    memoryBudgetBytes: 250,
    spoolDirectory: folder,
    verifyEtag: false,
  };
  const context: OpenBodyContext = {
    size: undefined,
    limits,
    budget,
    idleMs: 5_000,
    signal: new AbortController().signal,
    inspectHead: () => Promise.resolve(),
    ...given,
  };
  return { context, folder, free: () => freeBytes(budget) };
}

function freeBytes(budget: MemoryBudget): number {
  for (let bytes = 250; bytes > 0; bytes -= 1) {
    if (budget.reserve(bytes)) {
      budget.release(bytes);
      return bytes;
    }
  }
  return 0;
}

/** Everything that a body yields. */
export async function readAll(
  body: Pick<UploadBody, 'open'>,
  signal?: AbortSignal,
): Promise<Buffer> {
  return joinPieces(body.open(signal ?? new AbortController().signal));
}

/** Everything that an iterable yields. */
export async function joinPieces(pieces: BodyBytes): Promise<Buffer> {
  if (Buffer.isBuffer(pieces)) return pieces;
  const read: Buffer[] = [];
  for await (const piece of pieces) read.push(Buffer.from(piece));
  return Buffer.concat(read);
}

/** Yields the given pieces. */
export async function* piecesOf(...pieces: unknown[]): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) yield piece as Uint8Array;
}

/** What all file handles have in common. */
async function fileHandlePrototype(): Promise<FileHandle> {
  const handle = await open(process.execPath, 'r');
  await handle.close();
  return Object.getPrototypeOf(handle) as FileHandle;
}

/** Makes a method of every file handle fail as it does when the disk is full, until the test ends. */
export async function failFileHandles(method: 'writev' | 'read', code: string): Promise<void> {
  const spy = jest
    .spyOn(await fileHandlePrototype(), method)
    .mockRejectedValue(Object.assign(new Error(`${code}: ${method}`), { code }));
  afterThisTest(() => spy.mockRestore());
}

/** Makes the closing of every file fail although it is closed, as a network disk may, until the test ends. */
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

/** Makes every transfer to a file take no more than `mostBytes` of what it is given, until the test ends. */
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

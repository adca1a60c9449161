import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import {
  DiskBudget,
  MemoryBudget,
  startMemoryUse,
  type MemoryUse,
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
  /** Bytes of the budget that are free: 250 when nothing is held. */
  readonly free: () => number;
  /** What counts it. */
  readonly memory: MemoryUse;
  /** Bytes that temporary files take. */
  readonly onDisk: () => number;
  /** The first bytes that were looked at. */
  readonly head: () => Buffer | undefined;
}

/** Files get seven eighths of it: 250 bytes. */
const BUDGET_BYTES = 286;

/** A context with small limits: 100 bytes a body in memory, 250 together, 16 MiB on disk. */
export function setUpBody(
  given: Partial<OpenBodyContext> = {},
  { memory = startMemoryUse(), diskBytes = 16_777_216 } = {},
): BodySetup {
  const folder = makeFolder();
  const budget = new MemoryBudget(BUDGET_BYTES, memory);
  const diskUse = { usedBytes: 0 };
  const limits = {
    memoryLimitBytes: 100,
    memoryBudgetBytes: BUDGET_BYTES,
    diskBudgetBytes: diskBytes,
    spoolDirectory: folder,
    verifyEtag: false,
  };
  let seen: Buffer | undefined;
  const context: OpenBodyContext = {
    size: undefined,
    limits,
    budget,
    diskBudget: new DiskBudget(folder, diskBytes, diskUse),
    idleMs: 5_000,
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

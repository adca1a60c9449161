import { performance } from 'node:perf_hooks';
import { WxCloudStorageError } from '../errors/index.js';
import { decodeEtag } from '../wire/index.js';
import { fetchObject } from './fetch-object.js';
import { reportOrphans } from './orphans.js';
import type { StorageContext } from './storage-context.js';

/** How long removing what a failed call left behind may take: it holds up the answer to a request that failed already. */
const CLEANUP_MS = 10_000;
/** `Last-Modified` names whole seconds, and two machines write it. */
const CLOCK_TOLERANCE_MS = 2_000;

/** An object that a failed call stored, or may have stored. */
export interface OwnObject {
  /** Its file ID. */
  readonly fileId: string;
  /** Whether nothing else can be stored at its path, so that it need not be looked at. */
  readonly isPathUnique: boolean;
  /** The ETag that its content has; empty when that is not known. */
  readonly readEtag: (signal: AbortSignal) => Promise<string>;
  /** When the call began, by `performance.now()`; undefined when it is certain that it stored the object. */
  readonly storedSinceMs: number | undefined;
}

/**
 * Removes objects that a failed call left behind; never rejects. At a path that is not unique, what somebody else stored
 * there before or since is left alone. What cannot be removed, or not be told apart, is reported.
 */
export async function removeOwnObjects(
  context: StorageContext,
  objects: readonly OwnObject[],
): Promise<void> {
  const left = await context.operations
    .runCleanup('removing files of a failed call', CLEANUP_MS, signal =>
      remove(context, objects, signal),
    )
    // Whatever the reason, the operator has to know that the objects may still be there.
    .catch(() => objects.map(({ fileId }) => fileId));
  await reportOrphans(context, left);
}

/** Resolves with the file IDs that remain. */
async function remove(
  context: StorageContext,
  objects: readonly OwnObject[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const owners = await Promise.all(
    objects.map(async object =>
      // One object that cannot be looked at must not keep the others from being removed.
      findOwner(context, object, signal).catch((): Owner => 'unknown'),
    ),
  );
  const idsOf = (owner: Owner): string[] =>
    objects.filter((_, index) => owners[index] === owner).map(({ fileId }) => fileId);
  const outcomes = await context.deletions.delete({ fileIds: idsOf('this call'), signal });
  const failed = outcomes.filter(outcome => !outcome.ok).map(({ fileId }) => fileId);
  return [...failed, ...idsOf('unknown')];
}

type Owner = 'this call' | 'somebody else' | 'unknown';

async function findOwner(
  context: StorageContext,
  object: OwnObject,
  signal: AbortSignal,
): Promise<Owner> {
  if (object.isPathUnique) return 'this call';
  const found = await readHeaders(context, object.fileId, signal);
  if (found === undefined) return 'somebody else';
  const etag = await object.readEtag(signal);
  if (etag === '' || found.etag === '') return 'unknown';
  if (etag !== found.etag) return 'somebody else';
  return isOlder(found, object.storedSinceMs) ? 'somebody else' : 'this call';
}

interface FoundHeaders {
  readonly etag: string;
  /** How long ago the object was stored, by the storage's own clock; NaN when it does not say. */
  readonly ageMs: number;
}

/** The same content may have been there before the call: then it is older than the call. */
function isOlder({ ageMs }: FoundHeaders, storedSinceMs: number | undefined): boolean {
  return (
    storedSinceMs !== undefined && ageMs > performance.now() - storedSinceMs + CLOCK_TOLERANCE_MS
  );
}

async function readHeaders(
  context: StorageContext,
  fileId: string,
  signal: AbortSignal,
): Promise<FoundHeaders | undefined> {
  try {
    const { answer } = await fetchObject(context, { fileId, method: 'HEAD', signal });
    answer.discard();
    const time = (name: string): number => Date.parse(answer.header(name) ?? '');
    return { etag: decodeEtag(answer.header('etag')), ageMs: time('date') - time('last-modified') };
  } catch (error) {
    if (error instanceof WxCloudStorageError && error.code === 'WX_CLOUD_FILE_NOT_FOUND')
      return undefined;
    throw error;
  }
}

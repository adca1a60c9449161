import type { IncomingMessage, ServerResponse } from 'node:http';
import { WxCloudStorageError } from '../errors/index.js';
import { CLEANUP_MS, deleteFiles, reportOrphans, type StorageContext } from '../storage/index.js';
import { createSharedController } from '../transport/index.js';

/**
 * The files that one request has stored or is storing. They belong to the request until it is answered with success:
 * when it fails in any way, when its client goes away, or when the answer is an error, they are removed.
 */
export class StoredFiles {
  readonly #controller = createSharedController();
  readonly #files = new Map<string, StorageContext>();
  readonly #failures = new WeakSet<object>();
  #isSettled = false;

  /** Aborted when the request has failed, so that uploads in progress end. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Takes note of a stored file. When the request has failed meanwhile, it is removed at once. */
  async add(fileId: string, context: StorageContext): Promise<void> {
    this.#files.set(fileId, context);
    if (this.#controller.signal.aborted) await this.fail();
  }

  /** Removes one file, if that has not happened yet. */
  async remove(fileId: string): Promise<void> {
    const context = this.#files.get(fileId);
    if (context === undefined) return;
    this.#files.delete(fileId);
    await removeFiles(context, [fileId]);
  }

  /** The request has failed: ends uploads in progress and removes what is stored. Can be called again. */
  async fail(): Promise<void> {
    this.#controller.abort(requestFailed());
    const byContext = new Map<StorageContext, string[]>();
    for (const [fileId, context] of this.#files) {
      byContext.set(context, [...(byContext.get(context) ?? []), fileId]);
    }
    this.#files.clear();
    await Promise.all([...byContext].map(([context, fileIds]) => removeFiles(context, fileIds)));
  }

  /** One file failed: so does the request, and the parser will report this very error. */
  async failWith(error: unknown): Promise<void> {
    if (typeof error === 'object' && error !== null) this.#failures.add(error);
    await this.fail();
  }

  /** Whether an error came from storing a file, not from parsing the form. */
  hasFailedWith(error: unknown): boolean {
    return typeof error === 'object' && error !== null && this.#failures.has(error);
  }

  /** Decides by the answer: a success that reached the client keeps the files, anything else removes them. */
  async settle(isSuccess: boolean): Promise<void> {
    if (this.#isSettled) return;
    this.#isSettled = true;
    if (isSuccess) this.#files.clear();
    else await this.fail();
  }
}

const byRequest = new WeakMap<object, StoredFiles>();

/** The files of a request; from the first call on, their fate hangs on its response. */
export function storedFilesOf(request: IncomingMessage): StoredFiles {
  const known = byRequest.get(request);
  if (known !== undefined) return known;
  const files = new StoredFiles();
  byRequest.set(request, files);
  const { res: response } = request as IncomingMessage & { readonly res?: ServerResponse };
  if (response !== undefined) watch(response, files);
  return files;
}

function watch(response: ServerResponse, files: StoredFiles): void {
  const settle = (): void => {
    response.off('finish', settle);
    response.off('close', settle);
    // Never rejects: what cannot be removed is reported.
    void files.settle(response.writableFinished && response.statusCode < 400);
  };
  if (response.closed) return settle();
  response.on('finish', settle);
  response.on('close', settle);
}

async function removeFiles(context: StorageContext, fileIds: readonly string[]): Promise<void> {
  const failed = await context.operations
    .runCleanup('removing the files of a failed request', CLEANUP_MS, async signal => {
      const outcomes = await deleteFiles(context, { fileIds, signal });
      return outcomes.filter(outcome => !outcome.ok).map(outcome => outcome.fileId);
    })
    .catch(() => fileIds);
  await reportOrphans(context, failed);
}

function requestFailed(): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_REQUEST_ABORTED',
    message: 'The request has ended, so its files are not stored. Nothing needs to be done.',
  });
}

import { randomUUID } from 'node:crypto';
import { messageWithoutLink, WxCloudStorageError } from '../errors/errors.js';
import type { WxCloudCallOptions } from '../operations/operation-registry.js';
import { deleteLeftovers, reportOrphans } from './clean-up.js';
import { downloadToBuffer } from './download.js';
import { unwrap } from './file-outcome.js';
import type { StorageContext } from './storage-context.js';
import { requestUploadLink } from './upload-link.js';
import { uploadToPath } from './upload.js';

/** Options of a self-check. */
export interface WxCloudCheckOptions extends WxCloudCallOptions {
  /**
   * False to check the credential only, which takes no call while a valid token is held. With
   * `bucket` the environment is checked in any case.
   * @defaultValue true
   */
  readonly environment?: boolean | undefined;
  /**
   * True to write, read and delete a tiny object too, below `wx-cloud-storage-check/`.
   * @defaultValue false
   */
  readonly bucket?: boolean | undefined;
}

/** The result of one part of a self-check. */
export interface WxCloudCheckOutcome {
  /** The status; `skipped` when the part was not requested, or an earlier part failed. */
  readonly status: 'ok' | 'failed' | 'skipped';
  /** The error, with advice. */
  readonly error?: WxCloudStorageError;
}

/** The results of a self-check, in the order of its parts. */
export interface WxCloudStorageCheck {
  /** True when no part failed. */
  readonly ok: boolean;
  /**
   * The credential: an access token is available. Always skipped with `open-api-service`, which has
   * no token.
   */
  readonly credential: WxCloudCheckOutcome;
  /** The environment: WeChat returns an upload link for it. This stores nothing. */
  readonly environment: WxCloudCheckOutcome;
  /** The bucket accepts an object. */
  readonly write: WxCloudCheckOutcome;
  /** The bucket returns the object with the same bytes. */
  readonly read: WxCloudCheckOutcome;
  /**
   * The bucket deletes the object. An object that remains is named in the error, and reported to
   * `onOrphan`.
   */
  readonly delete: WxCloudCheckOutcome;
}

const SKIPPED: WxCloudCheckOutcome = Object.freeze({ status: 'skipped' });

const NOT_TRIED = { write: SKIPPED, read: SKIPPED, delete: SKIPPED };

/** Checks one part after the other. Failures are values, so that the result shows all of them. */
export async function checkStorage(
  context: StorageContext,
  options: WxCloudCheckOptions,
): Promise<WxCloudStorageCheck> {
  return context.operations.run('checking', options, signal =>
    new SelfCheck(context, signal).run(options),
  );
}

class SelfCheck {
  readonly #context: StorageContext;
  readonly #signal: AbortSignal;

  constructor(context: StorageContext, signal: AbortSignal) {
    this.#context = context;
    this.#signal = signal;
  }

  async run(options: WxCloudCheckOptions): Promise<WxCloudStorageCheck> {
    const withBucket = options.bucket === true;
    const withEnvironment = withBucket || options.environment !== false;
    const cloudPath = `wx-cloud-storage-check/${randomUUID()}`;
    const { tokens } = this.#context;
    const credential =
      tokens === undefined ? SKIPPED : await this.#settle(() => tokens.get(this.#signal));
    const environment = withEnvironment
      ? await this.#after(credential, () =>
          requestUploadLink(this.#context, cloudPath, this.#signal),
        )
      : SKIPPED;
    const isReached = withBucket && environment.status === 'ok';
    const bucket = isReached ? await this.#checkBucket(cloudPath) : NOT_TRIED;
    const outcomes = [credential, environment, ...Object.values(bucket)];
    const ok = outcomes.every(({ status }) => status !== 'failed');
    return { ok, credential, environment, ...bucket };
  }

  async #checkBucket(cloudPath: string): Promise<typeof NOT_TRIED> {
    const signal = this.#signal;
    const content = Buffer.from(cloudPath);
    let fileId = '';
    const write = await this.#settle(async () => {
      const from = { source: content, size: undefined };
      const contentType = 'text/plain';
      const fallbackType = contentType;
      const call = { from, cloudPath, contentType, fallbackType, uniquePath: true, signal };
      ({ fileId } = await uploadToPath(this.#context, call));
    });
    if (write.status === 'failed') return { write, read: SKIPPED, delete: SKIPPED };
    try {
      const read = await this.#settle(async () => {
        const found = await downloadToBuffer(this.#context, fileId, { signal, maxBytes: 1_024 });
        if (!found.equals(content)) throw otherContent();
      });
      return { write, read, delete: await this.#delete(fileId) };
    } catch (error) {
      // The check was ended; its object must not remain.
      await deleteLeftovers(this.#context, [{ fileId, isPathUnique: true }]);
      throw error;
    }
  }

  async #delete(fileId: string): Promise<WxCloudCheckOutcome> {
    const { deletions, pending } = this.#context;
    const outcome = await this.#settle(async () => {
      unwrap(await deletions.delete([fileId], this.#signal));
      await pending?.forget([fileId]);
    });
    if (outcome.error === undefined) return outcome;
    await pending?.orphan([fileId]);
    await reportOrphans(this.#context, [fileId]);
    return { ...outcome, error: notDeleted(fileId, outcome.error) };
  }

  async #after(
    before: WxCloudCheckOutcome,
    work: () => Promise<unknown>,
  ): Promise<WxCloudCheckOutcome> {
    return before.status === 'failed' ? SKIPPED : this.#settle(work);
  }

  /** Runs one part. Rejects only when the check itself was ended. */
  async #settle(work: () => Promise<unknown>): Promise<WxCloudCheckOutcome> {
    try {
      await work();
      return { status: 'ok' };
    } catch (error) {
      this.#signal.throwIfAborted();
      if (error instanceof WxCloudStorageError) return { status: 'failed', error };
      throw error;
    }
  }
}

function notDeleted(fileId: string, cause: WxCloudStorageError): WxCloudStorageError {
  const { code, retryable, errcode, errmsg, endpoint, requestId, upstreamStatus } = cause;
  const message = `checking: the object ${fileId} may remain, as its deletion failed. ${messageWithoutLink(cause)} Then delete it.`;
  const origin = { errcode, errmsg, endpoint, requestId, upstreamStatus };
  return new WxCloudStorageError({ code, message, retryable, ...origin, cause });
}

function otherContent(): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_DOWNLOAD_FAILED',
    message:
      'checking: the object was returned with other bytes. Check anything in between, e.g. a CDN or a proxy.',
  });
}

import { type FileIdScope, readFileIdForm } from '../file-id/file-id.js';
import { pauseBeforeRetry } from '../operations/retry.js';
import type { ResolvedOptions } from '../options/resolved-options.js';
import { isTransient } from '../wechat/api-errors.js';
import type { AuthorizedApi } from '../wechat/wechat-api.js';
import { RequestBatcher, sendSplittingOnError } from './batching.js';
import type { WxCloudFileOutcome } from './file-outcome.js';
import type { LinkCache } from './link-cache.js';

/** The part of an instance that calls for files work with. */
export interface FileCallsContext {
  /** Calls WeChat's API with the instance's credential. */
  readonly api: AuthorizedApi;
  /** The instance's options. */
  readonly options: Pick<ResolvedOptions, 'env' | 'links' | 'retry'>;
  /** Which file IDs are the instance's own. */
  readonly fileIdScope: FileIdScope;
  /** Temporary links that may be handed out again. */
  readonly linkCache: LinkCache;
}

/**
 * Gathers files into calls. A failure is the affair of the files that it is about, whether the call
 * says it or an item; of files with a transient one, and only of these, another call follows.
 */
export function batchFiles<Item, Result>(
  { options }: Pick<FileCallsContext, 'options'>,
  {
    keyOf,
    fileIdOf,
    send,
    isRepeated,
  }: {
    /** Items with the same key are requested once. */
    readonly keyOf: (item: Item) => string;
    /** The file ID of an item. */
    readonly fileIdOf: (item: Item) => string;
    /** Sends one call; rejects when it fails as a whole. */
    readonly send: (
      items: readonly Item[],
      signal: AbortSignal,
    ) => Promise<readonly WxCloudFileOutcome<Result>[]>;
    /** True when transient failures are repeated here; false leaves that to the caller. */
    readonly isRepeated: boolean;
  },
): RequestBatcher<Item, WxCloudFileOutcome<Result>> {
  const { retry: policy, links } = options;
  return new RequestBatcher<Item, WxCloudFileOutcome<Result>>({
    windowMs: links.batchWindowMs,
    keyOf,
    // An answer may spell an ID in another form: no two files of a call have the same one.
    groupOf: item => readFileIdForm(fileIdOf(item)).path,
    request: (items, signal) =>
      sendSplittingOnError({ items, fileIdOf, signal, send: part => send(part, signal) }),
    repeats: {
      attempts: isRepeated ? policy.attempts : 1,
      isTransient: outcome => !outcome.ok && isTransient(outcome.error),
      pause: (attempt, signal) => pauseBeforeRetry(policy, attempt, signal),
    },
  });
}

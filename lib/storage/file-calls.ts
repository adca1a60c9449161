import { type channels, trace } from '../diagnostics.js';
import { type FileIdScope, readFileIdForm } from '../file-id/file-id.js';
import { pauseBeforeRetry } from '../operations/retry.js';
import type { ResolvedOptions } from '../options/resolved-options.js';
import { isTransient } from '../wechat/api-errors.js';
import type { AuthorizedApi } from '../wechat/wechat-api.js';
import { RequestBatcher, sendSplittingOnError } from './batching.js';
import type { WxCloudFileOutcome } from './file-outcome.js';
import type { LinkCache } from './link-cache.js';

/** The part of an instance that calls for files use. */
export interface FileCallsContext {
  /** Calls the WeChat API with the credential of the instance. */
  readonly api: AuthorizedApi;
  /** Options of the instance. */
  readonly options: Pick<ResolvedOptions, 'env' | 'links' | 'retry'>;
  /** Environment and bucket of the instance. */
  readonly fileIdScope: FileIdScope;
  /** Cached temporary links. */
  readonly linkCache: LinkCache;
}

/** Runs a call for files and traces it. */
export function traceFiles<Outcome extends { readonly ok: boolean }>(
  channel: typeof channels.links,
  { options }: Pick<FileCallsContext, 'options'>,
  fileIds: readonly string[],
  work: () => Promise<readonly Outcome[]>,
): Promise<readonly Outcome[]> {
  const describe = () => ({ env: options.env, files: fileIds.length });
  return trace(channel, describe, async event => {
    const outcomes = await work();
    if (event !== undefined) event.failed = outcomes.filter(({ ok }) => !ok).length;
    return outcomes;
  });
}

/**
 * Batches calls for files. A failure concerns only its files, whether a call or an item reports it.
 * Files with a transient failure are requested again without the others.
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
    // The response may spell IDs differently, so no two files of a call share a normal form.
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

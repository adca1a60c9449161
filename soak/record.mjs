import { expectationsOf } from './load/kinds.mjs';

/**
 * Creates the part of a record that all soaks have: what the clients, the cloud and the processes
 * of the application have seen until their end.
 */
export async function recordSoak(options, book, cloud, processes) {
  const objects = await cloud.ask('objects');
  const evidence = await cloud.ask('evidence');
  const unfinishedUploads = await cloud.ask('unfinishedUploads');
  const { injected, tookEffect, secrets, ...rest } = evidence;
  const { hitFileIds, askedFileIds, commonFaultsAtMs, expiriesAtMs, ...figures } = rest;
  const { requests, examples, promised, mismatches, kept, shared, orphans, incidents } = book;
  const errorOutput = processes.map(each => each.errorOutput).join('');
  return {
    ...options,
    expected: expectationsOf(options.adapter),
    requests,
    examples,
    promised,
    mismatches,
    kept,
    shared,
    orphans,
    incidents,
    objects,
    unfinishedUploads,
    faults: { injected, tookEffect, hitFileIds, askedFileIds, commonFaultsAtMs, expiriesAtMs },
    texts: [...book.texts, ...processes.map(({ output }) => output), errorOutput],
    secrets,
    errorOutput,
    figures: { ...figures, logLines: book.logLines, longestMs: book.longestMs },
  };
}

import { randomBytes } from 'node:crypto';
import type { EmulatedCloud } from '../../state/emulated-cloud.js';
import type { EmulatedResponse } from '../responses.js';

/** Creates the headers that the uploads to a bucket with versioning return. */
export function versionHeaders({ options }: EmulatedCloud): Readonly<Record<string, string>> {
  return options.cos.versioning ? { 'x-cos-version-id': randomBytes(16).toString('hex') } : {};
}

/** Adds the headers by which clients recognize the clock of the storage, and its encryption. */
export function describeBucket(
  { options, clock }: EmulatedCloud,
  response: EmulatedResponse,
): EmulatedResponse {
  const { clockSkewSeconds, encrypted } = options.cos;
  const headers = { ...response.headers };
  if (clockSkewSeconds !== 0) {
    headers['Date'] = new Date(clock.now() + clockSkewSeconds * 1_000).toUTCString();
  }
  if (encrypted && response.status < 300) headers['x-cos-server-side-encryption'] = 'cos/kms';
  return { ...response, headers };
}

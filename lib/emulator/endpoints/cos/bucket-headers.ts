import { randomBytes } from 'node:crypto';
import type { EmulatedCloud } from '../../state/emulated-cloud.js';
import type { EmulatedResponse } from '../responses.js';

/** Creates the headers that the uploads to a bucket with versioning return. */
export function versionHeaders({ options }: EmulatedCloud): Readonly<Record<string, string>> {
  return options.cos.versioning ? { 'x-cos-version-id': randomBytes(16).toString('hex') } : {};
}

/** Returns the time by the clock of the storage, in milliseconds since 1970. */
export function bucketNowMs({ options, clock }: EmulatedCloud): number {
  return Math.floor(clock.now()) + options.cos.clockSkewSeconds * 1_000;
}

/** Adds the headers by which clients recognize the clock of the storage, and its encryption. */
export function describeBucket(cloud: EmulatedCloud, response: EmulatedResponse): EmulatedResponse {
  const { clockSkewSeconds, encrypted } = cloud.options.cos;
  const headers = { ...response.headers };
  if (clockSkewSeconds !== 0) headers['Date'] = new Date(bucketNowMs(cloud)).toUTCString();
  if (encrypted && response.status < 300) headers['x-cos-server-side-encryption'] = 'cos/kms';
  return { ...response, headers };
}

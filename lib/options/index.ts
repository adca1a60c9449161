export type {
  ResolvedAuth,
  ResolvedOptions,
  ResolvedRetry,
  ResolvedTimeouts,
  ResolvedUpload,
} from './resolved-options.js';
export { MAX_AGE_RANGE, resolveOptions } from './resolve-options.js';
export { Secret } from './secret.js';
export type * from './wx-cloud-storage-options.js';

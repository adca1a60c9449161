export type {
  ResolvedAuth,
  ResolvedCustomAuth,
  ResolvedOptions,
  ResolvedRetry,
  ResolvedTimeouts,
  ResolvedTokenCallAuth,
  ResolvedUpload,
} from './resolved-options.js';
export { describeOptions } from './describe-options.js';
export { optionsMaker, type MakeOptions } from './make-options.js';
export { readEnvironment, type EnvironmentVariables } from './read-environment.js';
export { MAX_AGE_RANGE, resolveOptions } from './resolve-options.js';
export { findClosest } from './closest-name.js';
export { isLoopback, MAX_TIMER_MS, readBoolean, readMembers, type Given } from './validation.js';
export { Secret } from './secret.js';
export type * from './access-token-store.js';
export type * from './wx-cloud-storage-options.js';

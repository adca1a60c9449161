/**
 * The ways that bytes take to the cloud, with the prefix of their routes and the name of their
 * instance: sent while they arrive; kept first; sent to the bucket itself.
 */
export const WAYS = [
  { weight: 3, path: '' },
  { weight: 1, path: 'archive', storage: 'archive' },
  { weight: 3, path: 'bucket', storage: 'bucket' },
];

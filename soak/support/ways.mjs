/** The instances with keys of their own, whose rights come and go. */
export const WITH_RIGHTS = ['guest1', 'guest2', 'guest3', 'guest4'];

/**
 * The ways that bytes take to the cloud, with the prefix of their routes and the name of their
 * instance: sent while they arrive; kept first; sent to the bucket itself, with all rights, or with
 * those that are left.
 */
export const WAYS = [
  { weight: 6, path: '' },
  { weight: 2, path: 'archive', storage: 'archive' },
  { weight: 4, path: 'bucket', storage: 'bucket' },
  ...WITH_RIGHTS.map(name => ({ weight: 1, path: name, storage: name })),
];

/** Those to the bucket itself. */
export const BUCKET_WAYS = WAYS.filter(
  ({ storage }) => storage === 'bucket' || WITH_RIGHTS.includes(storage),
);

/** The permanent keys of an instance whose rights come and go. */
export const keysOf = name => ({
  secretId: `AKIDsoak0${name}`,
  secretKey: `soak0secret0key0of0${name}`,
});

// This package, where the client declares the size of its file.
import { startWith } from './ours.mjs';

/** See above. */
export function start(cloud) {
  return startWith(cloud, { declaredSize: { header: 'x-file-size' } });
}

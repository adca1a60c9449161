// This package with keys of the bucket: signed requests instead of upload links.
import { startWith } from './ours.mjs';

const BUCKET = '7072-bench-1300000000';

/** Starts the contestant. */
export function start(cloud) {
  return startWith(
    cloud,
    {},
    {
      appid: undefined,
      secret: undefined,
      auth: { type: 'open-api-service' },
      cos: {
        bucket: BUCKET,
        endpoint: `${cloud}/bucket`,
        credentials: { secretId: 'AKIDbench', secretKey: 'bench' },
      },
    },
  );
}

import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Programs beside Node that some suites drive, each with what those suites are about. */
export const PROGRAMS = {
  chromium: {
    find: () => [process.env.CHROMIUM_PATH ?? '/usr/bin/chromium'],
    install: 'apt-get install chromium fonts-noto-cjk',
    subject: 'pages in a browser',
  },
  redis: {
    find: () => (process.env.PATH ?? '').split(delimiter).map(dir => join(dir, 'redis-server')),
    install: 'apt-get install redis-server',
    subject: 'tokens shared through Redis',
  },
};

export function isInstalled({ find }) {
  return find().some(path => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** In continuous integration nothing is skipped: a suite whose program is missing fails there. */
export const isSkippingAllowed = process.env.CI !== 'true';

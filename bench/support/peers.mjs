import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('..', import.meta.url));

/**
 * Installs the packages to compare with, from the lock file in this folder, unless they are
 * installed. Their scripts do not run.
 */
export function installPeers() {
  if (existsSync(new URL('../node_modules/multer-s3', import.meta.url))) return;
  const options = ['--ignore-scripts', '--no-audit', '--no-fund'];
  execFileSync('npm', ['ci', ...options], { cwd: FOLDER, stdio: ['ignore', 'ignore', 'inherit'] });
}

/** The contestants that need only this repository. */
export const OWN = [
  'raw',
  'noop',
  'bare',
  'ours',
  'ours-kept',
  'ours-cos',
  'ours-pending',
  'ours-declared',
  'ours-traced',
  'ours-spans',
  'ours-stock',
  'ours-stock-traced',
  'undici',
  'one by one',
  'lib/multipart',
  'busboy',
  'four bytes first',
];

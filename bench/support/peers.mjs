import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('..', import.meta.url));

/** Installs what the package is measured beside, by the lock file here, unless it is there. None of it runs a script. */
export function installPeers() {
  if (existsSync(new URL('../node_modules/multer-s3', import.meta.url))) return;
  const options = ['--ignore-scripts', '--no-audit', '--no-fund'];
  execFileSync('npm', ['ci', ...options], { cwd: FOLDER, stdio: ['ignore', 'ignore', 'inherit'] });
}

/** Contestants that need nothing but the repository itself. */
export const OWN = [
  'raw',
  'noop',
  'bare',
  'ours',
  'ours-declared',
  'undici',
  'one by one',
  'lib/multipart',
  'busboy',
  'four bytes first',
];

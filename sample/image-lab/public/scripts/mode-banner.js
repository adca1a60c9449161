import { readMode } from './api.js';
import { partsOf } from './dom.js';
import { formatBytes } from './format.js';
import { say } from './i18n.js';

const banner = document.getElementById('mode');
const parts = partsOf(banner);

/** Says where images go, and how large they may be. */
export async function showMode() {
  const { mode, env, fileSizeBytes, takesCos } = await readMode();
  document.getElementById('cos-route').hidden = !takesCos;
  banner.dataset.mode = mode;
  say(parts.title, `mode.${mode}`, { env });
  say(parts.detail, `mode.${mode}Detail`);
  const hint = document.getElementById('drop-hint');
  say(hint, 'upload.hint', { limit: formatBytes(fileSizeBytes) });
}

/** Until the server has answered. */
export function showModeLoading() {
  say(parts.title, 'mode.loading');
}

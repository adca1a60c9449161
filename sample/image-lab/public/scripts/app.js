import { limits } from './api.js';
import { onReconnect } from './connection.js';
import { formatBytes } from './format.js';
import { loadGallery, onOpen, showImage } from './gallery.js';
import { say, startLanguages } from './i18n.js';
import { showMode, showModeLoading } from './mode-banner.js';
import { announce } from './toast.js';
import { startUploads } from './uploads-view.js';
import { openWorkbench, startWorkbench } from './workbench.js';

startLanguages();
showModeLoading();
say(document.getElementById('drop-hint'), 'upload.hint', {
  limit: formatBytes(limits.fileSizeBytes),
});
startUploads(showImage);
startWorkbench(showImage);
onOpen(openWorkbench);
onReconnect(load);
document.documentElement.dataset.ready = '';
await load();

async function load() {
  try {
    await Promise.all([showMode(), loadGallery()]);
  } catch (failure) {
    announce(failure.key, failure.parameters);
  }
}

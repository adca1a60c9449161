import { lab } from './api.js';
import { onReconnect } from './connection.js';
import { watchEdges } from './edges.js';
import { formatBytes } from './format.js';
import { loadGallery, newestUpload, onOpen, showImage } from './gallery.js';
import { say, startLanguages } from './i18n.js';
import { showMode, showModeLoading } from './mode-banner.js';
import { showRequestsOf, startRequestStrip } from './request-strip.js';
import { startSamples } from './samples.js';
import { announce } from './toast.js';
import { startUploads } from './uploads.js';
import { openWorkbench, startWorkbench } from './workbench.js';

startLanguages();
watchEdges();
showModeLoading();
say(document.getElementById('drop-hint'), 'upload.hint', { limit: formatBytes(lab.fileSizeBytes) });
const addFiles = startUploads((image, card) => {
  showImage(image, card);
  void showRequestsOf(image);
});
startSamples(addFiles);
startWorkbench(showImage);
onOpen(openWorkbench);
onReconnect(load);
document.documentElement.dataset.ready = '';
await load();

async function load() {
  try {
    await Promise.all([showMode(), loadGallery()]);
    startRequestStrip();
    await showRequestsOf(newestUpload());
  } catch (failure) {
    announce(failure.key, failure.parameters);
  }
}

import { readMode } from './api.js';
import { byId } from './elements.js';
import { addImage, startGallery } from './gallery.js';
import { onLanguageChange, startTranslating, t } from './i18n.js';
import { startUploads } from './uploads.js';
import { forgetImage, openImage, startWorkbench } from './workbench.js';

startTranslating();
startUploads(addImage);
startWorkbench(addImage);
void startGallery({ onEdit: openImage, onRemoved: forgetImage });
void showMode();

async function showMode() {
  const element = byId('mode');
  try {
    const { mode, env } = await readMode();
    const render = () => {
      element.textContent = mode === 'emulator' ? t('modeEmulator') : t('modeWeChat', { env });
    };
    element.dataset.mode = mode;
    onLanguageChange(render);
    render();
  } catch {
    // The gallery, which is loaded at the same time, says that there is no connection.
    element.hidden = true;
  }
}

import { partsOf } from './dom.js';
import { say } from './i18n.js';

const dialog = document.getElementById('confirm');
const parts = partsOf(dialog);

parts.yes.addEventListener('click', () => dialog.close('yes'));
parts.no.addEventListener('click', () => dialog.close('no'));

/** Asks whether images are to be deleted; Escape means no. */
export async function confirmDeletion(images) {
  const [{ name }] = images;
  const kind = images.length === 1 ? 'delete' : 'deleteMany';
  const parameters = { name, count: images.length };
  say(document.getElementById('confirm-title'), `${kind}.title`, parameters);
  say(document.getElementById('confirm-text'), `${kind}.text`, parameters);
  dialog.returnValue = 'no';
  dialog.showModal();
  parts.no.focus();
  await new Promise(resolve => dialog.addEventListener('close', resolve, { once: true }));
  return dialog.returnValue === 'yes';
}

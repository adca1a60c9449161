import { partsOf } from './dom.js';
import { say } from './i18n.js';

const dialog = document.getElementById('confirm');
const parts = partsOf(dialog);

parts.yes.addEventListener('click', () => dialog.close('yes'));
parts.no.addEventListener('click', () => dialog.close('no'));

/** Asks whether an image is to be deleted; Escape means no. */
export async function confirmDeletion(name) {
  say(document.getElementById('confirm-text'), 'delete.text', { name });
  dialog.returnValue = 'no';
  dialog.showModal();
  parts.no.focus();
  await new Promise(resolve => dialog.addEventListener('close', resolve, { once: true }));
  return dialog.returnValue === 'yes';
}

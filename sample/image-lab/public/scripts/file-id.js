import { icon, make } from './dom.js';
import { label, say } from './i18n.js';
import { announce } from './toast.js';

const COPIED_MS = 1_600;

/** Characters at the end that stay visible where there is no room: they tell one ID from another. */
const TAIL = 13;

/** A file ID with a button that copies it. */
export function fileIdLine({ fileId, name }) {
  const caption = make('span', { class: 'file-id-caption' });
  say(caption, 'gallery.fileId');
  const text = make(
    'code',
    { class: 'file-id', title: fileId },
    make('span', { class: 'file-id-head' }, fileId.slice(0, -TAIL)),
    make('span', {}, fileId.slice(-TAIL)),
  );
  const button = make('button', { type: 'button', class: 'icon-button' }, icon('copy'));
  label(button, 'gallery.copy', { name });
  button.addEventListener('click', () => copy(fileId, { button, text }));
  return make('div', { class: 'file-id-line' }, caption, text, button);
}

async function copy(fileId, { button, text }) {
  try {
    await navigator.clipboard.writeText(fileId);
  } catch {
    getSelection().selectAllChildren(text);
    announce('gallery.copyFailed');
    return;
  }
  announce('gallery.copied');
  button.classList.add('done');
  button.replaceChildren(icon('done'));
  setTimeout(() => {
    button.classList.remove('done');
    button.replaceChildren(icon('copy'));
  }, COPIED_MS);
}

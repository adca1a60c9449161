import { copyButton } from './copy-button.js';
import { make } from './dom.js';
import { say } from './i18n.js';

/** Characters at the end that stay visible in a narrow place: they tell one ID from another. */
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
  const button = copyButton(text, {
    name: 'gallery.copy',
    parameters: { name },
    copied: 'gallery.copied',
    failed: 'gallery.copyFailed',
  });
  return make('div', { class: 'file-id-line' }, caption, text, button);
}

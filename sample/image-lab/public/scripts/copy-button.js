import { icon, make } from './dom.js';
import { label } from './i18n.js';
import { announce } from './toast.js';

const COPIED_MS = 1_600;

/**
 * A button that copies the text of an element. `name`, `copied` and `failed` are keys of messages:
 * its label, and the words at the end. Where the browser does not allow copying, the text is
 * selected.
 */
export function copyButton(source, { name, parameters = {}, copied, failed }) {
  const button = make('button', { type: 'button', class: 'icon-button' }, icon('copy'));
  label(button, name, parameters);
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(source.textContent);
    } catch {
      getSelection().selectAllChildren(source);
      announce(failed);
      return;
    }
    announce(copied);
    button.classList.add('done');
    button.replaceChildren(icon('done'));
    setTimeout(() => {
      button.classList.remove('done');
      button.replaceChildren(icon('copy'));
    }, COPIED_MS);
  });
  return button;
}

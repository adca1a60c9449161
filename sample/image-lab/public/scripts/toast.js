import { say } from './i18n.js';

const SHOWN_MS = 3_000;
const toast = document.getElementById('toast');
let timer;

/** Says something for a moment, to eyes and screen readers alike. */
export function announce(key, parameters) {
  say(toast, key, parameters);
  // A modal dialog lies above the page; the message has to be inside it to be seen.
  (document.querySelector('dialog:modal') ?? document.body).append(toast);
  toast.classList.add('shown');
  clearTimeout(timer);
  timer = setTimeout(() => toast.classList.remove('shown'), SHOWN_MS);
}

import { partsOf } from './dom.js';
import { say } from './i18n.js';

const region = document.getElementById('failures');
const parts = partsOf(region);
const failed = new Map();

parts.show.addEventListener('click', () => {
  const { card } = newest();
  card.scrollIntoView({ block: 'center' });
  card.querySelector('button:not([hidden])').focus();
});

/**
 * The line above the gallery that tells of failed uploads: it stays in sight wherever the page is
 * scrolled to, until they are dismissed or tried again.
 */
export const failures = {
  /** An upload has failed. */
  add(upload, { key, parameters, card }) {
    failed.set(upload, { name: upload.file.name, key, parameters, card });
    const { top, bottom } = card.getBoundingClientRect();
    show();
    // The line moves the cards down, and on a phone the reason out of sight.
    if (top < innerHeight && bottom > 0) card.scrollIntoView({ block: 'nearest' });
  },

  /** An upload has not failed any more, or is gone. */
  remove(upload) {
    if (failed.delete(upload)) show();
  },

  /** Calls back when the person wants to see none of them any more. */
  onDismiss(callback) {
    parts.dismiss.addEventListener('click', callback);
  },
};

function show() {
  region.hidden = failed.size === 0;
  if (failed.size === 0) {
    say(parts.text);
    return;
  }
  const { name, key, parameters } = newest();
  const reason = { key, parameters };
  if (failed.size === 1) say(parts.text, 'failures.one', { name, reason });
  else say(parts.text, 'failures.many', { name, reason, count: failed.size });
}

function newest() {
  return [...failed.values()].at(-1);
}

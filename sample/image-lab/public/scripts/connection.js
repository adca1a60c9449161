import { partsOf } from './dom.js';

const banner = document.getElementById('offline');

/** Shows or hides the message that the server cannot be reached. */
export function setConnected(isConnected) {
  const hadFocus = banner.contains(document.activeElement);
  banner.hidden = isConnected;
  if (isConnected && hadFocus) document.getElementById('gallery').focus({ preventScroll: true });
}

/** Calls `retry` when the person asks for it, or when the network is back. */
export function onReconnect(retry) {
  partsOf(banner).retry.addEventListener('click', retry);
  window.addEventListener('online', retry);
}

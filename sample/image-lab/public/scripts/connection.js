import { partsOf } from './dom.js';

const banner = document.getElementById('offline');

/** Shows or hides the message that the server cannot be reached. */
export function setConnected(isConnected) {
  const hadFocus = banner.contains(document.activeElement);
  banner.hidden = isConnected;
  if (isConnected && hadFocus) document.getElementById('gallery').focus({ preventScroll: true });
}

/** What is to be done when the person, or the network, says that it may work again. */
export function onReconnect(retry) {
  partsOf(banner).retry.addEventListener('click', retry);
  window.addEventListener('online', retry);
}

import { failures } from './failures.js';
import { placeCard, removeCard, startBatch } from './gallery.js';
import { say } from './i18n.js';
import { UploadCard } from './upload-card.js';
import { UploadQueue } from './upload-queue.js';

const news = document.getElementById('upload-news');
const input = document.getElementById('files');
const cards = new Map();

/**
 * Takes files that are chosen or dropped, and shows each at once as a card of the gallery. Gives a
 * function that takes files as well. `onStored` gets the image and the card that it replaces.
 */
export function startUploads(onStored) {
  const queue = new UploadQueue({
    onChange: upload => show(upload, queue),
    onStored: (upload, image) => {
      onStored(image, cards.get(upload).element);
      forget(upload);
      say(news, 'upload.newsStored', { name: upload.file.name });
    },
  });
  const direct = document.getElementById('direct');
  const cos = document.getElementById('cos');
  direct.addEventListener('change', () => {
    cos.disabled = direct.checked;
  });
  const addAll = files => {
    [...cards.keys()].filter(({ state }) => state === 'cancelled').forEach(dismiss);
    startBatch();
    const way = { isDirect: direct.checked, usesCos: cos.checked && !direct.checked };
    for (const file of files) queue.add(file, way);
    // The file was perhaps dropped where the gallery's top cannot be seen.
    const first = [...cards.values()].at(-files.length);
    first?.element.scrollIntoView({ block: 'nearest' });
  };
  input.addEventListener('change', () => {
    addAll([...input.files]);
    input.value = '';
  });
  acceptDrops(addAll);
  failures.onDismiss(() => {
    [...cards.keys()].filter(({ state }) => state === 'failed').forEach(dismiss);
    document.getElementById('gallery').focus({ preventScroll: true });
  });
  return addAll;
}

function acceptDrops(addAll) {
  const zone = document.getElementById('drop');
  const hasFiles = event => event.dataTransfer?.types.includes('Files') ?? false;
  const mark = isOver => zone.classList.toggle('over', isOver);
  // The whole page takes them: a drop beside the zone must not make the browser leave the page.
  window.addEventListener('dragover', event => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    mark(true);
  });
  window.addEventListener('dragleave', event => {
    if (event.relatedTarget === null) mark(false);
  });
  window.addEventListener('drop', event => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    mark(false);
    addAll([...event.dataTransfer.files]);
  });
}

function show(upload, queue) {
  const card = cards.get(upload) ?? addCard(upload, queue);
  card.show();
  if (upload.state === 'failed') failures.add(upload, { ...upload.failure, card: card.element });
  else failures.remove(upload);
}

function addCard(upload, queue) {
  const card = new UploadCard(upload, {
    onRetry: () => queue.retry(upload),
    onDismiss: () => dismiss(upload),
  });
  cards.set(upload, card);
  placeCard(card.element);
  return card;
}

function dismiss(upload) {
  removeCard(cards.get(upload).element);
  forget(upload);
}

function forget(upload) {
  cards.get(upload).release();
  cards.delete(upload);
  failures.remove(upload);
}

import { deleteImage, readImages } from './api.js';
import { confirmDeletion } from './confirm.js';
import { icon, make, partsOf } from './dom.js';
import { fileIdLine } from './file-id.js';
import { formatBytes, formatDimensions } from './format.js';
import { label, say } from './i18n.js';
import { announce } from './toast.js';

const region = document.getElementById('gallery');
const { cards, empty, count } = partsOf(region);
const shown = new Map();
let open = () => {};

/** What happens when an image is chosen. */
export function onOpen(callback) {
  open = callback;
}

/** Reads the images from the server and shows them. */
export async function loadGallery() {
  // What is added while the answer is on its way may be missing in it.
  const earlier = [...shown.keys()];
  const images = await readImages();
  const known = new Set(images.map(({ fileId }) => fileId));
  for (const fileId of earlier) if (!known.has(fileId)) forget(fileId);
  for (const skeleton of cards.querySelectorAll('.skeleton')) skeleton.remove();
  // The oldest first, as each goes in front of the others.
  for (const image of images.toReversed()) showImage(image);
  cards.removeAttribute('aria-busy');
  settle();
}

/** Shows an image in front of the others, or renews the links of one that is there. */
export function showImage(image) {
  const { fileId } = image;
  const current = shown.get(fileId);
  if (current === undefined) {
    const entry = { image, card: undefined };
    entry.card = makeCard(entry);
    shown.set(fileId, entry);
    cards.prepend(entry.card);
  } else {
    current.image = image;
  }
  settle();
}

function settle() {
  empty.hidden = shown.size > 0 || cards.getAttribute('aria-busy') === 'true';
  count.textContent = shown.size === 0 ? '' : String(shown.size);
}

function makeCard(entry) {
  const { image } = entry;
  const { name, operation } = image;
  const picture = makeThumbnail(entry);
  const view = make('button', { type: 'button', class: 'thumbnail' }, picture);
  label(view, 'gallery.open', { name });
  view.addEventListener('click', () => open(entry.image));
  if (operation !== undefined) {
    const badge = make('span', { class: 'badge' });
    say(badge, `operation.${operation}`);
    view.append(badge);
  }
  const remove = make('button', { type: 'button', class: 'icon-button' }, icon('trash'));
  label(remove, 'gallery.delete', { name });
  remove.addEventListener('click', () => askAndDelete(entry.image));
  const facts = `${formatDimensions(image)} · ${formatBytes(image.size)}`;
  const title = make(
    'div',
    { class: 'card-title' },
    make('div', {}, make('h3', { title: name }, name), make('p', {}, facts)),
    remove,
  );
  return make('li', { class: 'card' }, view, title, fileIdLine(image));
}

function makeThumbnail(entry) {
  const picture = make('img', { alt: '', loading: 'lazy', decoding: 'async' });
  picture.width = 640;
  picture.height = 480;
  picture.addEventListener('load', () => picture.classList.add('loaded'));
  let isRenewed = false;
  picture.addEventListener('error', async () => {
    const gone = () => picture.replaceWith(missing());
    if (isRenewed) return gone();
    // Links expire while a page stays open: the second failure is final.
    isRenewed = true;
    await loadGallery().catch(() => {});
    if (entry.image.thumbnailUrl === null) return gone();
    picture.src = entry.image.thumbnailUrl;
  });
  if (entry.image.thumbnailUrl === null) return missing();
  picture.src = entry.image.thumbnailUrl;
  return picture;
}

function missing() {
  const text = make('span', { class: 'missing' });
  say(text, 'gallery.missing');
  return text;
}

async function askAndDelete({ fileId, name }) {
  if (!(await confirmDeletion(name))) return;
  try {
    await deleteImage(fileId);
  } catch (failure) {
    announce(failure.key, failure.parameters);
    return;
  }
  const { card } = shown.get(fileId) ?? {};
  const neighbour = card?.nextElementSibling ?? card?.previousElementSibling;
  forget(fileId);
  settle();
  (neighbour?.querySelector('button') ?? document.getElementById('files')).focus();
  announce('gallery.deleted', { name });
}

function forget(fileId) {
  shown.get(fileId)?.card.remove();
  shown.delete(fileId);
}

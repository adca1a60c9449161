import { deleteImages, lab, readImages } from './api.js';
import { confirmDeletion } from './confirm.js';
import { partsOf } from './dom.js';
import { say } from './i18n.js';
import { ImageCard } from './image-card.js';
import { announce } from './toast.js';

const region = document.getElementById('gallery');
const parts = partsOf(region);
const { cards, empty, count } = parts;

/** The images in sight, by file ID: `{ image, card }`. */
const shown = new Map();
let open = () => {};

/** The card that the files of a batch go above: the newest are on top, in the order of sending. */
let earlier = null;

parts.selectAll.addEventListener('click', () => {
  for (const { card } of shown.values()) card.isSelected = true;
  settle();
});
parts.selectNone.addEventListener('click', () => {
  clearSelection();
  parts.selectAll.focus();
});
parts.deleteSelected.addEventListener('click', () => askAndDelete(selected()));

/** Sets what happens when an image is chosen. */
export function onOpen(callback) {
  open = callback;
}

/** Reads the images from the server and shows them. */
export async function loadGallery() {
  // Images that are added while the request runs may be missing in its response.
  const before = [...shown.keys()];
  const images = await readImages();
  const known = new Set(images.map(({ fileId }) => fileId));
  for (const fileId of before) if (!known.has(fileId)) forget(fileId);
  for (const skeleton of cards.querySelectorAll('.skeleton')) skeleton.remove();
  // The oldest first: each goes in front of the older one, and uploads under way stay on top.
  let older = null;
  for (const image of images.toReversed()) {
    const { fileId } = image;
    if (shown.has(fileId)) shown.get(fileId).image = image;
    else cards.insertBefore(addImage(image), older);
    older = shown.get(fileId).card.element;
  }
  cards.removeAttribute('aria-busy');
  settle();
}

/** The image that was uploaded last, and not made of another one. */
export function newestUpload() {
  const images = [...cards.children].map(element => imageOf(element));
  return images.find(image => image !== undefined && image.operation === undefined);
}

/** Shows an image in the place of a card, or in front of the others. */
export function showImage(image, replaced) {
  const hadFocus = replaced?.contains(document.activeElement) ?? false;
  const current = shown.get(image.fileId);
  const element = current?.card.element ?? addImage(image);
  if (current !== undefined) current.image = image;
  else cards.insertBefore(element, replaced ?? cards.firstElementChild);
  if (replaced !== undefined) removeCard(replaced);
  if (hadFocus) shown.get(image.fileId).card.focus();
  settle();
}

/** Lets the cards that are placed next, in the same turn, go above all that are there now. */
export function startBatch() {
  earlier = cards.firstElementChild;
}

/** Adds the card of an upload. */
export function placeCard(element) {
  cards.insertBefore(element, earlier);
  settle();
}

/** Removes the card of an upload; the focus goes to a neighbour. */
export function removeCard(element) {
  const hadFocus = element.contains(document.activeElement);
  const next = neighbourOf(new Set([element]));
  element.remove();
  if (hadFocus) focusCard(next);
  settle();
}

function addImage(image) {
  const entry = { image, card: undefined };
  const { fileId } = image;
  entry.card = new ImageCard(image, {
    onOpen: () => open(entry.image),
    onDelete: () => askAndDelete([entry.image]),
    onSelect: settle,
    renew: async () => {
      await loadGallery().catch(() => {});
      return shown.get(fileId)?.image.thumbnailUrl ?? null;
    },
  });
  shown.set(fileId, entry);
  return entry.card.element;
}

function imageOf(element) {
  return [...shown.values()].find(({ card }) => card.element === element)?.image;
}

function selected() {
  return [...shown.values()].filter(({ card }) => card.isSelected).map(({ image }) => image);
}

function clearSelection() {
  for (const { card } of shown.values()) card.isSelected = false;
  settle();
}

/** Brings the texts around the cards up to date. */
function settle() {
  const hadFocus = empty.contains(document.activeElement);
  empty.hidden = cards.childElementCount > 0 || cards.getAttribute('aria-busy') === 'true';
  const images = shown.size;
  if (images === 0) say(count);
  else say(count, 'gallery.count', { count: images, limit: lab.galleryImages });
  const chosen = selected().length;
  parts.selection.hidden = images === 0;
  parts.selectNone.hidden = chosen === 0;
  parts.deleteSelected.hidden = chosen === 0;
  say(parts.deleteSelected, 'gallery.deleteSelected', { count: chosen });
  // The samples make room for the first card.
  if (hadFocus && empty.hidden) focusCard(cards.firstElementChild);
}

async function askAndDelete(images) {
  if (!(await confirmDeletion(images))) return;
  const next = neighbourOf(new Set(images.map(({ fileId }) => shown.get(fileId)?.card.element)));
  try {
    const { deleted, failed } = await deleteImages(images.map(({ fileId }) => fileId));
    for (const fileId of deleted) forget(fileId);
    settle();
    if (failed.length > 0) announce('gallery.notDeleted', { count: failed.length });
    else if (images.length > 1) announce('gallery.deletedMany', { count: images.length });
    else announce('gallery.deleted', { name: images[0].name });
  } catch (failure) {
    announce(failure.key, failure.parameters);
    return;
  }
  focusCard(next);
}

function focusCard(card) {
  (card?.querySelector('button:not([hidden])') ?? document.getElementById('files')).focus();
}

/** The card that takes the focus when others are gone. */
function neighbourOf(going) {
  const all = [...cards.children];
  const last = all.findLastIndex(element => going.has(element));
  const staying = element => !going.has(element);
  return all.slice(last + 1).find(staying) ?? all.findLast(staying);
}

function forget(fileId) {
  shown.get(fileId)?.card.element.remove();
  shown.delete(fileId);
}

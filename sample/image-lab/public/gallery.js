import { listImages, removeImage } from './api.js';
import {
  announce,
  byId,
  factsOf,
  fromTemplate,
  makeFileId,
  nameOf,
  showError,
} from './elements.js';
import { onLanguageChange, t } from './i18n.js';

const CONFIRM_MS = 4000;
let images = [];
let handlers;

/** Loads the gallery; calls back with an image to be edited, and with the file ID of one that was deleted. */
export async function startGallery(callbacks) {
  handlers = callbacks;
  onLanguageChange(render);
  showSkeletons();
  await reload();
}

/** Puts a new image in front. */
export function addImage(image) {
  images = [image, ...images.filter(({ fileId }) => fileId !== image.fileId)];
  showError('gallery-error', undefined);
  render();
}

async function reload() {
  try {
    images = await listImages();
    showError('gallery-error', undefined);
  } catch (error) {
    showError('gallery-error', error.describe(''));
  }
  render();
}

function showSkeletons() {
  const skeletons = Array.from({ length: 3 }, () => {
    const item = document.createElement('li');
    item.className = 'tile tile--skeleton';
    return item;
  });
  byId('gallery').replaceChildren(...skeletons);
}

function render() {
  const list = byId('gallery');
  list.setAttribute('aria-busy', 'false');
  const known = new Map(
    [...list.querySelectorAll('[data-file-id]')].map(item => [item.dataset.fileId, item]),
  );
  list.replaceChildren(
    ...images.map(image => fill(known.get(image.fileId) ?? makeTile(image), image)),
  );
  byId('empty').hidden = images.length > 0 || !byId('gallery-error').hidden;
  byId('count').textContent = images.length > 0 ? t('count', { count: images.length }) : '';
}

function makeTile(image) {
  const item = fromTemplate('gallery-item');
  item.dataset.fileId = image.fileId;
  item.querySelector('img').src = image.url;
  for (const selector of ['.tile__picture', '.tile__edit']) {
    item.querySelector(selector).addEventListener('click', () => handlers.onEdit(image));
  }
  const button = item.querySelector('.tile__delete');
  button.addEventListener('click', () => confirmRemoval(button, image));
  return item;
}

/** The texts, which change with the language; the picture stays. */
function fill(item, image) {
  const name = nameOf(image);
  item.querySelector('.tile__name').textContent = name;
  item.querySelector('.tile__name').title = name;
  item.querySelector('.tile__facts').textContent = factsOf(image);
  item.querySelector('.details').replaceChildren(makeFileId(image));
  item.querySelector('img').alt = name;
  setAction(item.querySelector('.tile__edit'), t('edit'), t('editFile', { name }));
  item.querySelector('.tile__picture').setAttribute('aria-label', t('editFile', { name }));
  setAction(item.querySelector('.tile__delete'), t('remove'), t('removeFile', { name }));
  return item;
}

function setAction(button, text, label) {
  button.textContent = text;
  button.setAttribute('aria-label', label);
}

/** Two presses, as there is no way back; Escape or waiting takes the first one back. */
function confirmRemoval(button, image) {
  if (button.dataset.armed === 'true') return remove(button, image);
  button.dataset.armed = 'true';
  setAction(
    button,
    t('confirmRemove'),
    `${t('removeFile', { name: nameOf(image) })} — ${t('confirmRemove')}`,
  );
  const disarm = () => {
    clearTimeout(timer);
    button.removeEventListener('keydown', onKey);
    delete button.dataset.armed;
    setAction(button, t('remove'), t('removeFile', { name: nameOf(image) }));
  };
  const onKey = event => {
    if (event.key === 'Escape') disarm();
  };
  const timer = setTimeout(disarm, CONFIRM_MS);
  button.addEventListener('keydown', onKey);
}

async function remove(button, image) {
  button.disabled = true;
  try {
    await removeImage(image.fileId);
    images = images.filter(({ fileId }) => fileId !== image.fileId);
    render();
    handlers.onRemoved(image.fileId);
    announce(t('removed', { name: nameOf(image) }));
    byId('gallery-heading').focus();
    showError('gallery-error', undefined);
  } catch (error) {
    button.disabled = false;
    showError('gallery-error', error.describe(nameOf(image)));
  }
}

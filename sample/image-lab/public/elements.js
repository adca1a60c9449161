import { locale, t } from './i18n.js';

/** The element of an ID. */
export const byId = id => document.getElementById(id);

/** A copy of a template's only element. */
export const fromTemplate = id => byId(id).content.firstElementChild.cloneNode(true);

/** Says something to users of screen readers. */
export const announce = text => {
  byId('announcer').textContent = text;
};

/** A number of bytes as people write it. */
export function formatBytes(bytes) {
  const kilo = bytes / 1000;
  const [value, unit] = kilo < 1000 ? [kilo, 'KB'] : [kilo / 1000, 'MB'];
  const digits = value < 100 ? 1 : 0;
  return `${value.toLocaleString(locale(), { maximumFractionDigits: digits })} ${unit}`;
}

/** What an image is called: an upload by its name, a result by what was done. */
export function nameOf({ name, operation }) {
  return operation === undefined ? name : t('madeBy', { name, operation: t(operation) });
}

/** Dimensions and size of an image. */
export function factsOf({ width, height, size }) {
  return t('dimensions', { width, height, size: formatBytes(size) });
}

/** A file ID with a button that copies it. */
export function makeFileId(image) {
  const element = fromTemplate('file-id');
  const text = element.querySelector('.file-id__text');
  const button = element.querySelector('.file-id__copy');
  text.textContent = image.fileId;
  text.title = image.fileId;
  button.textContent = t('copy');
  button.setAttribute('aria-label', t('copyFileId', { name: nameOf(image) }));
  button.addEventListener('click', () => copy(image.fileId, { text, button }));
  return element;
}

async function copy(fileId, { text, button }) {
  const isCopied = await navigator.clipboard.writeText(fileId).then(
    () => true,
    () => false,
  );
  if (!isCopied) getSelection().selectAllChildren(text);
  const feedback = t(isCopied ? 'copied' : 'copyFailed');
  button.textContent = feedback;
  announce(feedback);
  setTimeout(() => {
    button.textContent = t('copy');
  }, 2000);
}

/** Shows an error in its place, or hides it when there is none. */
export function showError(id, message) {
  const element = byId(id);
  element.hidden = message === undefined;
  element.textContent = message ?? '';
}

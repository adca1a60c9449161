import { runOperation } from './api.js';
import { announce, byId, factsOf, makeFileId, nameOf, showError } from './elements.js';
import { onLanguageChange, t } from './i18n.js';

/** What each operation with a number takes. */
const RANGES = {
  blur: { label: 'blurLabel', min: 1, max: 30, step: 0.5, value: 6, unit: ' px' },
  resize: { label: 'resizeLabel', min: 16, max: 2000, step: 1, value: 320, unit: ' px' },
  rotate: { label: 'rotateLabel', min: -180, max: 180, step: 1, value: 90, unit: '°' },
};

let before;
let after;
let onResult;
let opener;

/** Makes the workbench work; calls back with every result. */
export function startWorkbench(callback) {
  onResult = callback;
  byId('operation').addEventListener('change', showOptions);
  byId('range').addEventListener('input', showRangeValue);
  byId('operation-form').addEventListener('submit', event => {
    event.preventDefault();
    void run();
  });
  byId('close-workbench').addEventListener('click', close);
  byId('workbench').addEventListener('keydown', event => {
    if (event.key === 'Escape') close();
  });
  onLanguageChange(() => {
    showOptions();
    render();
  });
  showOptions();
}

/** Opens an image. */
export function openImage(image) {
  opener = document.activeElement;
  before = image;
  after = undefined;
  showError('operation-error', undefined);
  byId('workbench').hidden = false;
  render();
  byId('workbench').scrollIntoView({ block: 'start' });
  byId('workbench-heading').focus({ preventScroll: true });
}

/** Closes the workbench when the image in it was deleted. */
export function forgetImage(fileId) {
  if (before?.fileId === fileId) close();
  else if (after?.fileId === fileId) {
    after = undefined;
    render();
  }
}

function close() {
  byId('workbench').hidden = true;
  before = undefined;
  opener?.focus();
}

function showOptions() {
  const range = RANGES[byId('operation').value];
  byId('range-field').hidden = range === undefined;
  byId('text-field').hidden = byId('operation').value !== 'watermark';
  if (range === undefined) return;
  const input = byId('range');
  if (input.dataset.operation !== byId('operation').value) {
    input.dataset.operation = byId('operation').value;
    Object.assign(input, { min: range.min, max: range.max, step: range.step });
    input.value = range.value;
  }
  byId('range-label').textContent = t(range.label);
  showRangeValue();
}

function showRangeValue() {
  byId('range-value').textContent = `${byId('range').value}${RANGES[byId('operation').value].unit}`;
}

async function run() {
  const operation = byId('operation').value;
  const value = operation === 'watermark' ? byId('text').value.trim() : Number(byId('range').value);
  if (value === '') {
    showError('operation-error', t('errorText'));
    byId('text').focus();
    return;
  }
  setBusy(true);
  const source = before;
  try {
    const result = await runOperation({ fileId: source.fileId, operation, value });
    showError('operation-error', undefined);
    onResult(result);
    if (before === source) after = result;
    announce(t('finished', { operation: t(operation) }));
  } catch (error) {
    showError('operation-error', error.describe(nameOf(source)));
  } finally {
    setBusy(false);
    if (before !== undefined) render();
  }
}

function setBusy(isBusy) {
  byId('run').disabled = isBusy;
  byId('run').textContent = t(isBusy ? 'running' : 'run');
  byId('after').classList.toggle('busy', isBusy);
  byId('after').setAttribute('aria-busy', String(isBusy));
}

function render() {
  if (before === undefined) return;
  show('before', before);
  show('after', after);
  byId('after-hint').hidden = after !== undefined;
}

function show(side, image) {
  const picture = byId(`${side}-image`);
  const details = byId(`${side}-details`);
  picture.hidden = image === undefined;
  if (image === undefined) {
    picture.removeAttribute('src');
    details.replaceChildren();
    return;
  }
  if (picture.getAttribute('src') !== image.url) picture.src = image.url;
  picture.alt = nameOf(image);
  const facts = document.createElement('p');
  facts.textContent = factsOf(image);
  details.replaceChildren(facts, makeFileId(image));
}

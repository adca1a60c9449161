import { runOperation } from './api.js';
import { Compare } from './compare.js';
import { copyButton } from './copy-button.js';
import { make, partsOf } from './dom.js';
import { onLanguage, say } from './i18n.js';
import { miniProgramCode } from './mini-program-code.js';
import { makeOptions, OPERATIONS } from './operations.js';
import { announce } from './toast.js';

const dialog = document.getElementById('workbench');
const parts = partsOf(dialog);
const title = document.getElementById('workbench-title');
const compare = new Compare(dialog);

/** The image that is open, the operation with its options, and the newest run with its result. */
const state = {
  image: undefined,
  result: undefined,
  operation: 'grayscale',
  read: () => ({}),
  findInvalid: () => undefined,
  run: 0,
};
let onResult = () => {};

/** Gets the workbench ready; `callback` is given every result. */
export function startWorkbench(callback) {
  onResult = callback;
  parts.operations.append(...Object.keys(OPERATIONS).map(makeOperation));
  parts.close.addEventListener('click', () => dialog.close());
  parts.form.addEventListener('submit', event => {
    event.preventDefault();
    void run();
  });
  parts.form.addEventListener('input', showRequest);
  parts.form.addEventListener('change', showRequest);
  parts.useResult.addEventListener('click', () => {
    const { result } = state;
    takeImage(result);
    parts.operations.querySelector('input:checked').focus();
    announce('operation.used', { name: result.name });
  });
  parts.copy.replaceWith(
    copyButton(parts.request, {
      name: 'request.copy',
      copied: 'request.copied',
      failed: 'request.copyFailed',
    }),
  );
  onLanguage(() => {
    if (state.image !== undefined) showRequest();
  });
}

/** Opens an image to be worked on. */
export function openWorkbench(image) {
  takeImage(image);
  choose(state.operation);
  dialog.showModal();
  dialog.scrollTop = 0;
  parts.operations.querySelector('input:checked').focus();
}

function takeImage(image) {
  state.image = image;
  state.result = undefined;
  state.run += 1;
  title.textContent = image.name;
  parts.useResult.hidden = true;
  compare.showBefore(image);
  setBusy(false);
  say(parts.problem);
  showRequest();
}

function makeOperation(name) {
  const input = make('input', { type: 'radio', name: 'operation', value: name });
  input.checked = name === state.operation;
  input.addEventListener('change', () => choose(name));
  // In a form, Enter on a radio button submits: the operation runs.
  const text = make('span');
  say(text, `operation.${name}`);
  return make('label', { class: 'operation' }, input, text);
}

function choose(name) {
  state.operation = name;
  const { elements, read, findInvalid } = makeOptions(name);
  state.read = read;
  state.findInvalid = findInvalid;
  if (elements.length === 0) {
    const nothing = make('p', { class: 'no-options' });
    say(nothing, 'operation.noOptions');
    elements.push(nothing);
  }
  parts.options.replaceChildren(...elements);
  say(parts.problem);
  showRequest();
}

function requestOf() {
  const { image, operation, read } = state;
  return { fileId: image.fileId, operation, options: read() };
}

function showRequest() {
  parts.request.textContent = miniProgramCode(requestOf());
}

async function run() {
  if (parts.run.getAttribute('aria-disabled') === 'true') return;
  const invalid = state.findInvalid();
  if (invalid !== undefined) {
    invalid.focus();
    return;
  }
  state.run += 1;
  const current = state.run;
  setBusy(true);
  say(parts.problem);
  parts.useResult.hidden = true;
  compare.showState('operation.running', { isBusy: true });
  try {
    const result = await runOperation(requestOf());
    onResult(result);
    if (current !== state.run) return;
    state.result = result;
    compare.showAfter(result);
    parts.useResult.hidden = false;
    parts.frame.scrollIntoView({ block: 'nearest' });
  } catch (failure) {
    if (current !== state.run) return;
    compare.showState('operation.placeholder');
    say(parts.problem, failure.key, failure.parameters);
  } finally {
    if (current === state.run) setBusy(false);
  }
}

/** The button keeps the focus while it cannot be used, so it is not disabled but says so. */
function setBusy(isBusy) {
  parts.run.setAttribute('aria-disabled', String(isBusy));
  say(parts.run, isBusy ? 'operation.running' : 'operation.run');
}

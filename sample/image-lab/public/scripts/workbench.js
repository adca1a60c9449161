import { runOperation } from './api.js';
import { make, partsOf } from './dom.js';
import { fileIdLine } from './file-id.js';
import { formatBytes, formatDimensions } from './format.js';
import { say } from './i18n.js';
import { makeOptions, OPERATIONS } from './operations.js';

const dialog = document.getElementById('workbench');
const parts = partsOf(dialog);
const title = document.getElementById('workbench-title');

/** What is open: the image, the operation, how to read its options, and the number of the newest run. */
const state = {
  image: undefined,
  operation: 'grayscale',
  read: () => ({}),
  findProblem: () => undefined,
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
}

/** Opens an image to be worked on. */
export function openWorkbench(image) {
  state.image = image;
  state.run += 1;
  title.textContent = image.name;
  showFigure(parts.before, 'operation.before', image);
  showPlaceholder('operation.placeholder');
  setBusy(false);
  say(parts.problem);
  choose(state.operation);
  dialog.showModal();
  dialog.scrollTop = 0;
  parts.operations.querySelector('input:checked').focus();
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
  const { elements, read, findProblem } = makeOptions(name);
  state.read = read;
  state.findProblem = findProblem;
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
  const data = JSON.stringify(requestOf(), undefined, 2).replaceAll('\n', '\n  ');
  parts.request.textContent = `wx.cloud.callContainer({\n  path: '/api/operations',\n  method: 'POST',\n  data: ${data},\n})`;
}

async function run() {
  if (parts.run.getAttribute('aria-disabled') === 'true') return;
  const problem = state.findProblem();
  if (problem !== undefined) {
    say(parts.problem, problem.key, problem.parameters);
    problem.field.focus();
    return;
  }
  state.run += 1;
  const current = state.run;
  setBusy(true);
  say(parts.problem);
  showPlaceholder('operation.running', 'busy');
  try {
    const result = await runOperation(requestOf());
    onResult(result);
    if (current !== state.run) return;
    showFigure(parts.after, 'operation.after', result);
    parts.after.scrollIntoView({ block: 'nearest' });
  } catch (failure) {
    if (current !== state.run) return;
    showPlaceholder('operation.placeholder');
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

function showFigure(figure, caption, image) {
  const picture = make('img', { class: 'picture', alt: image.name });
  if (image.url !== null) picture.src = image.url;
  const { width, height } = image;
  picture.width = width;
  picture.height = height;
  const facts = `${formatDimensions(image)} · ${formatBytes(image.size)}`;
  figure.replaceChildren(
    make('figcaption', {}, captionOf(caption), make('span', {}, facts)),
    make('div', { class: 'frame' }, picture),
    fileIdLine(image),
  );
}

function showPlaceholder(key, kind = '') {
  const text = make('p');
  say(text, key);
  parts.after.replaceChildren(
    make('figcaption', {}, captionOf('operation.after')),
    make('div', { class: `frame placeholder ${kind}` }, text),
  );
}

function captionOf(key) {
  const caption = make('strong');
  say(caption, key);
  return caption;
}

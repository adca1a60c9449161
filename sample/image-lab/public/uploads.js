import { RequestError, uploadImage } from './api.js';
import { announce, byId, fromTemplate } from './elements.js';
import { onLanguageChange, t } from './i18n.js';

const PARALLEL = 3;
const MAX_BYTES = 20 * 1024 * 1024;
const queue = [];
let running = 0;
let onStored;

/** Makes the drop zone, the file chooser and pasting work; calls back with every image that was stored. */
export function startUploads(callback) {
  onStored = callback;
  const input = byId('files');
  input.addEventListener('change', () => {
    addFiles(input.files);
    input.value = '';
  });
  const drop = byId('drop');
  for (const type of ['dragenter', 'dragover']) {
    drop.addEventListener(type, event => {
      event.preventDefault();
      drop.classList.add('drop--over');
    });
  }
  for (const type of ['dragleave', 'drop']) {
    drop.addEventListener(type, () => drop.classList.remove('drop--over'));
  }
  drop.addEventListener('drop', event => {
    event.preventDefault();
    addFiles(event.dataTransfer.files);
  });
  document.addEventListener('paste', event => addFiles(event.clipboardData?.files ?? []));
  onLanguageChange(() => queue.forEach(render));
}

function addFiles(files) {
  for (const file of files) {
    const item = fromTemplate('queue-item');
    const upload = { file, item, state: 'waiting', controller: new AbortController(), percent: 0 };
    item.querySelector('.queue__button').addEventListener('click', () => endOrDismiss(upload));
    queue.push(upload);
    byId('queue').append(item);
    render(upload);
  }
  startNext();
}

function startNext() {
  while (running < PARALLEL) {
    const next = queue.find(({ state }) => state === 'waiting');
    if (next === undefined) return;
    void run(next);
  }
}

async function run(upload) {
  running += 1;
  update(upload, { state: 'uploading' });
  try {
    const image = await send(upload);
    update(upload, { state: 'stored' });
    onStored(image);
  } catch (error) {
    if (upload.controller.signal.aborted) update(upload, { state: 'cancelled' });
    else update(upload, { state: 'failed', error });
  } finally {
    running -= 1;
    startNext();
  }
}

/** The limit is the server's; a file far beyond it is not worth sending. */
async function send(upload) {
  const { file, controller } = upload;
  const onProgress = share => {
    const percent = Math.round(share * 100);
    update(upload, { percent, state: percent === 100 ? 'storing' : 'uploading' });
  };
  if (file.size > MAX_BYTES) throw new RequestError(413);
  return uploadImage(file, { onProgress, signal: controller.signal });
}

function endOrDismiss(upload) {
  if (isActive(upload)) {
    upload.controller.abort();
    if (upload.state === 'waiting') update(upload, { state: 'cancelled' });
    return;
  }
  queue.splice(queue.indexOf(upload), 1);
  const neighbour = upload.item.nextElementSibling ?? upload.item.previousElementSibling;
  upload.item.remove();
  (neighbour?.querySelector('button') ?? byId('files')).focus();
}

const isActive = ({ state }) => ['waiting', 'uploading', 'storing'].includes(state);

function update(upload, change) {
  const isNew = change.state !== undefined && change.state !== upload.state;
  Object.assign(upload, change);
  render(upload);
  if (isNew && !isActive(upload)) announce(`${upload.file.name}: ${describe(upload)}`);
}

function describe({ state, percent, error, file }) {
  return state === 'failed' ? error.describe(file.name) : t(state, { percent });
}

function render(upload) {
  const { item, file, state, percent } = upload;
  item.dataset.state = state;
  item.querySelector('.queue__name').textContent = file.name;
  item.querySelector('.queue__state').textContent = describe(upload);
  const progress = item.querySelector('progress');
  progress.setAttribute('aria-label', file.name);
  // Without a value it shows that something goes on whose length is not known.
  if (state === 'storing') progress.removeAttribute('value');
  else progress.value = state === 'stored' ? 100 : percent;
  progress.hidden = state === 'failed' || state === 'cancelled';
  const button = item.querySelector('.queue__button');
  button.textContent = t(isActive(upload) ? 'cancel' : 'dismiss');
  button.setAttribute(
    'aria-label',
    t(isActive(upload) ? 'cancelFile' : 'dismissFile', { name: file.name }),
  );
}

import { icon, make, partsOf } from './dom.js';
import { formatBytes } from './format.js';
import { label, say } from './i18n.js';
import { UploadLegs } from './upload-legs.js';
import { UploadQueue } from './upload-queue.js';

const ENDED = new Set(['stored', 'failed', 'cancelled']);

/** What can go better the next time; a file of the wrong type, say, stays one. */
const REPEATABLE = new Set([
  'error.offline',
  'error.cloud',
  'error.cloudUnreachable',
  'error.form',
  'error.other',
  'error.full',
]);
const region = document.getElementById('uploads');
const news = document.getElementById('upload-news');
const { list, clear } = partsOf(region);
const rows = new Map();

/** The newest files are on top, in the order they are sent in: each goes above those that were there before. */
let earlier = null;

/** Takes files that are chosen or dropped, and shows what becomes of each. */
export function startUploads(onStored) {
  const queue = new UploadQueue({ onStored, onChange: upload => show(upload, queue) });
  const direct = document.getElementById('direct');
  const addAll = files => {
    earlier = list.firstElementChild;
    for (const file of files) queue.add(file, { isDirect: direct.checked });
  };
  const input = document.getElementById('files');
  input.addEventListener('change', () => {
    addAll(input.files);
    input.value = '';
  });
  acceptDrops(addAll);
  clear.addEventListener('click', () => {
    [...rows.keys()].filter(upload => ENDED.has(upload.state)).forEach(dismiss);
    input.focus();
  });
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
    addAll(event.dataTransfer.files);
  });
}

function show(upload, queue) {
  const row = rows.get(upload) ?? addRow(upload, queue);
  const { state, failure, file } = upload;
  row.item.dataset.state = state;
  row.legs.show(upload);
  if (state === 'failed') say(row.status, failure.key, failure.parameters);
  else say(row.status, `upload.${state}`);
  row.again.hidden = state !== 'cancelled' && !(state === 'failed' && REPEATABLE.has(failure.key));
  const verb = ENDED.has(state) ? 'upload.dismiss' : 'upload.cancel';
  label(row.end, verb, { name: file.name });
  if (state === 'stored') say(news, 'upload.newsStored', { name: file.name });
  if (state === 'failed') {
    say(news, 'upload.newsFailed', {
      name: file.name,
      reason: { key: failure.key, parameters: failure.parameters },
    });
  }
  clear.hidden = ![...rows.keys()].some(other => ENDED.has(other.state));
}

function addRow(upload, queue) {
  const { file } = upload;
  const legs = new UploadLegs(upload);
  const status = make('span', { class: 'upload-status' });
  const again = make('button', { type: 'button', class: 'icon-button' }, icon('retry'));
  label(again, 'upload.again', { name: file.name });
  again.addEventListener('click', () => queue.retry(upload));
  const end = make('button', { type: 'button', class: 'icon-button' }, icon('close'));
  end.addEventListener('click', () => {
    if (ENDED.has(upload.state)) dismiss(upload);
    else upload.cancel();
  });
  const item = make(
    'li',
    { class: 'upload' },
    make('span', { class: 'upload-name', title: file.name }, file.name),
    make('span', { class: 'upload-size' }, formatBytes(file.size)),
    make('span', { class: 'upload-buttons' }, again, end),
    legs.element,
    status,
  );
  const row = { item, legs, status, again, end };
  rows.set(upload, row);
  list.insertBefore(item, earlier);
  region.hidden = false;
  return row;
}

function dismiss(upload) {
  const { item } = rows.get(upload);
  if (earlier === item) earlier = item.nextElementSibling;
  item.remove();
  rows.delete(upload);
  region.hidden = rows.size === 0;
  clear.hidden = ![...rows.keys()].some(other => ENDED.has(other.state));
}

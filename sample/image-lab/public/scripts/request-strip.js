import { lab, readRequests } from './api.js';
import { make, partsOf } from './dom.js';
import { formatBytes } from './format.js';
import { say } from './i18n.js';

/** The operations that carry the bytes of files; the others carry file IDs and links. */
const OF_THE_STORAGE = new Set([
  'post-object',
  'put-object',
  'upload-part',
  'get-object',
  'head-object',
]);
const region = document.getElementById('requests');
const parts = partsOf(region);
let wanted;

/** Shows the strip where the cloud is the emulator, which keeps a journal of its requests. */
export function startRequestStrip() {
  region.hidden = !lab.showsRequests;
}

/** Shows the requests to the cloud that an upload took. */
export async function showRequestsOf(image) {
  if (!lab.showsRequests || image === undefined) return;
  wanted = image.fileId;
  const requests = await readRequests(image.fileId).catch(() => []);
  // Another upload was faster, or the image is gone.
  if (wanted !== image.fileId || requests.length === 0) return;
  const storage = requests.filter(({ operation }) => OF_THE_STORAGE.has(operation));
  const api = requests.filter(({ operation }) => !OF_THE_STORAGE.has(operation));
  say(parts.title, 'requests.of', { name: image.name });
  say(parts.summary, 'requests.summary', {
    storage: formatBytes(sum(storage)),
    api: formatBytes(sum(api)),
  });
  const most = Math.max(...requests.map(bytesOf));
  parts.list.replaceChildren(...requests.map(request => makeRequest(request, most)));
  parts.list.scrollLeft = 0;
}

function makeRequest(request, most) {
  const { method, operation, sender, durationMs, status } = request;
  const name = make('strong', {}, operation);
  const way = make('span', { class: 'request-way' });
  say(way, `requests.${sender}`);
  const share = make('span', { class: 'request-share' });
  share.style.setProperty('--share', `${(100 * bytesOf(request)) / most}%`);
  const numbers = make('span', { class: 'request-numbers' });
  say(numbers, 'requests.numbers', {
    sent: formatBytes(request.requestBytes),
    received: formatBytes(request.responseBytes),
    ms: Math.max(1, Math.round(durationMs)),
  });
  const kind = OF_THE_STORAGE.has(operation) ? 'request of-storage' : 'request';
  const head = make(
    'span',
    { class: 'request-head' },
    make('code', {}, `${method} ${status}`),
    way,
  );
  return make('li', { class: kind }, head, name, numbers, share);
}

function bytesOf({ requestBytes, responseBytes }) {
  return requestBytes + responseBytes;
}

function sum(requests) {
  return requests.reduce((total, request) => total + bytesOf(request), 0);
}

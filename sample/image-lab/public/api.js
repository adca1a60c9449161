import { t } from './i18n.js';

/** A request that did not succeed; `describe` says why in the page's language. */
export class RequestError extends Error {
  constructor(status, errorCode) {
    super(`${status} ${errorCode ?? ''}`);
    this.status = status;
    this.errorCode = errorCode;
  }

  /** What to tell the user about the file of that name. */
  describe(name) {
    if (this.status === 0) return t('errorOffline');
    if (this.status === 413) return t('errorSize', { name });
    if (this.status === 415) return t('errorType', { name });
    if (this.status === 422) return t('errorDamaged', { name });
    if (this.status === 404) return t('errorGone');
    if (this.errorCode !== undefined) return t('errorCloud', { code: this.errorCode });
    return t('errorOther', { status: this.status });
  }
}

const JSON_HEADERS = { 'content-type': 'application/json' };

export const readMode = () => call('api/mode');
export const listImages = () => call('api/images');
export const removeImage = fileId =>
  call(`api/images?fileId=${encodeURIComponent(fileId)}`, { method: 'DELETE' });

/** Sends what a mini program would send: a file ID and what to do. */
export const runOperation = request =>
  call('api/operations', { method: 'POST', headers: JSON_HEADERS, body: JSON.stringify(request) });

async function call(path, init) {
  const response = await fetch(path, init).catch(() => {
    throw new RequestError(0);
  });
  if (!response.ok) throw toError(response.status, await response.text());
  return response.status === 204 ? undefined : response.json();
}

/** Uploads one file. XMLHttpRequest, as fetch tells nothing about the progress of what it sends. */
export function uploadImage(file, { onProgress, signal }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', 'api/images');
    request.upload.addEventListener('progress', ({ loaded, total }) => onProgress(loaded / total));
    request.addEventListener('load', () => {
      if (request.status === 201) resolve(JSON.parse(request.responseText));
      else reject(toError(request.status, request.responseText));
    });
    request.addEventListener('error', () => reject(new RequestError(0)));
    request.addEventListener('abort', () => reject(signal.reason));
    signal.addEventListener('abort', () => request.abort(), { once: true });
    const form = new FormData();
    form.append('image', file);
    request.send(form);
  });
}

function toError(status, text) {
  try {
    return new RequestError(status, JSON.parse(text).errorCode);
  } catch {
    // A proxy may answer with a page instead of JSON.
    return new RequestError(status);
  }
}

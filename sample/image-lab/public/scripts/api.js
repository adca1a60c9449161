import { setConnected } from './connection.js';
import { formatBytes } from './format.js';

/** What the server says beforehand; filled by `readMode`. */
export const limits = { fileSizeBytes: 20 * 1024 * 1024 };

const BY_CODE = {
  WX_CLOUD_FILE_TOO_LARGE: 'error.tooLarge',
  WX_CLOUD_TYPE_REFUSED: 'error.type',
  IMAGE_UNREADABLE: 'error.unreadable',
  IMAGE_PIXELS_EXCEEDED: 'error.pixels',
  GALLERY_FULL: 'error.full',
  IMAGE_UNKNOWN: 'error.unknown',
  RESULT_TOO_LARGE: 'error.resultSize',
  OPERATION_INVALID: 'error.options',
};

/** Something that failed, as a message that follows the language of the page. */
export class Failure extends Error {
  constructor(key, parameters = {}) {
    super(key);
    this.key = key;
    this.parameters = parameters;
  }

  static tooLarge() {
    return new Failure('error.tooLarge', { limit: formatBytes(limits.fileSizeBytes) });
  }

  static offline() {
    return new Failure('error.offline');
  }

  /** What an answer with an error status means to the person at the page. */
  static of(status, body) {
    const key = BY_CODE[body?.errorCode] ?? (status >= 502 ? 'error.cloud' : 'error.other');
    return key === 'error.tooLarge' || status === 413
      ? Failure.tooLarge()
      : new Failure(key, { status });
  }
}

/** Where images go, and how large they may be. */
export async function readMode() {
  const mode = await call('/api/mode');
  limits.fileSizeBytes = mode.fileSizeBytes;
  return mode;
}

/** All images, the newest first. */
export async function readImages() {
  return (await call('/api/images')).images;
}

/** Has the server make a new image of one. */
export async function runOperation(request) {
  return call('/api/operations', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(request),
  });
}

/** Removes an image. */
export async function deleteImage(fileId) {
  await call(`/api/images?${new URLSearchParams({ fileId })}`, { method: 'DELETE' });
}

/** Sends a file; `XMLHttpRequest` is what reports the progress of a request's body. */
export function sendImage(file, onProgress) {
  const request = new XMLHttpRequest();
  const answer = new Promise((resolve, reject) => {
    request.responseType = 'json';
    request.upload.addEventListener('progress', ({ loaded, total }) => onProgress(loaded / total));
    request.addEventListener('load', () => {
      setConnected(true);
      if (request.status < 400) resolve(request.response);
      else reject(Failure.of(request.status, request.response));
    });
    request.addEventListener('error', () => {
      setConnected(false);
      reject(Failure.offline());
    });
    request.addEventListener('abort', () => reject(new Failure('upload.cancelled')));
  });
  const form = new FormData();
  form.set('image', file, file.name);
  request.open('POST', '/api/images');
  request.send(form);
  return { answer, cancel: () => request.abort() };
}

async function call(url, options) {
  const response = await reach(url, options);
  const body = response.status === 204 ? undefined : await response.json().catch(() => undefined);
  if (!response.ok) throw Failure.of(response.status, body);
  return body;
}

async function reach(url, options) {
  try {
    const response = await fetch(url, options);
    setConnected(true);
    return response;
  } catch {
    setConnected(false);
    throw Failure.offline();
  }
}

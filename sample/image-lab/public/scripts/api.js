import { setConnected } from './connection.js';
import { formatBytes } from './format.js';
import { hasText } from './i18n.js';

/** Facts that the server tells at the start; filled by `readMode`. */
export const lab = {
  env: '',
  fileSizeBytes: 20 * 1024 * 1024,
  galleryImages: 60,
  showsRequests: false,
  takesCos: false,
};

const BY_CODE = {
  WX_CLOUD_FILE_TOO_LARGE: 'error.tooLarge',
  WX_CLOUD_TYPE_REFUSED: 'error.type',
  IMAGE_UNREADABLE: 'error.unreadable',
  IMAGE_PIXELS_EXCEEDED: 'error.pixels',
  GALLERY_FULL: 'error.full',
  IMAGE_UNKNOWN: 'error.unknown',
  UPLOAD_CONFIRMED: 'error.form',
  WX_CLOUD_TICKET_REFUSED: 'error.form',
  RESULT_TOO_LARGE: 'error.resultSize',
  OPERATION_INVALID: 'error.options',
  LAB_BUSY: 'error.busy',
};

/** Something that failed, as a message that follows the language of the page. */
export class Failure extends Error {
  constructor(key, parameters = {}) {
    super(key);
    this.key = key;
    this.parameters = parameters;
  }

  static tooLarge() {
    return new Failure('error.tooLarge', { limit: formatBytes(lab.fileSizeBytes) });
  }

  static cancelled() {
    return new Failure('upload.cancelled');
  }

  static offline() {
    return new Failure('error.offline');
  }

  /** The meaning of an error response for the person at the page. */
  static of(status, body) {
    const { errorCode, option } = body ?? {};
    if (errorCode === 'OPERATION_INVALID' && hasText(`option.${option}`)) {
      return new Failure('error.option', { name: { key: `option.${option}` } });
    }
    const key = BY_CODE[errorCode] ?? (status >= 502 ? 'error.cloud' : 'error.other');
    return key === 'error.tooLarge' || status === 413
      ? Failure.tooLarge()
      : new Failure(key, { status });
  }
}

/** Where images go, and the limits. */
export async function readMode() {
  return Object.assign(lab, await call('/api/mode'));
}

/** All images, the newest first. */
export async function readImages() {
  return (await call('/api/images')).images;
}

/** The requests to the cloud that stored an image, the oldest first. */
export async function readRequests(fileId) {
  return (await call(`/api/requests?${new URLSearchParams({ fileId })}`)).requests;
}

/** Has the server make a new image of one. */
export async function runOperation(request) {
  return call('/api/operations', json(request));
}

/** Deletes images; gives `{ deleted, failed }`. */
export async function deleteImages(fileIds) {
  return call('/api/images/delete', json({ fileIds }));
}

/** Asks for a form with which a file can be posted straight to the cloud. */
export async function openDirectUpload({ type }, signal) {
  return call('/api/direct-uploads', { ...json({ contentType: type }), signal });
}

/**
 * Has the server check a file that was posted to the cloud, and take it into the gallery. `posted`
 * is `{ fileId, ticket, name }`.
 */
export async function confirmDirectUpload(posted, signal) {
  return call('/api/direct-uploads/confirm', { ...json(posted), signal });
}

function json(body) {
  return {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  };
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
    if (options?.signal?.aborted) throw Failure.cancelled();
    setConnected(false);
    throw Failure.offline();
  }
}

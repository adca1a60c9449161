/**
 * Posts a form, and returns `{ status, body }`, or undefined without a response or when aborted. It
 * uses `XMLHttpRequest`, which reports the progress of the request's body, here as a share of 1.
 */
export function postForm(url, form, { headers = {}, signal, onProgress }) {
  const request = new XMLHttpRequest();
  const abort = () => request.abort();
  return new Promise(resolve => {
    if (signal.aborted) {
      resolve(undefined);
      return;
    }
    signal.addEventListener('abort', abort);
    request.responseType = 'json';
    request.upload.addEventListener('progress', ({ loaded, total }) => onProgress(loaded / total));
    request.addEventListener('load', () => {
      resolve({ status: request.status, body: request.response });
    });
    request.addEventListener('error', () => resolve(undefined));
    request.addEventListener('abort', () => resolve(undefined));
    request.open('POST', url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.send(form);
  }).finally(() => signal.removeEventListener('abort', abort));
}

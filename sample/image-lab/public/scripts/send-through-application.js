import { Failure } from './api.js';
import { setConnected } from './connection.js';
import { postForm } from './post-form.js';

/**
 * Sends a file to the application, which stores it. Both legs are reported: the first one by the
 * request itself, the second one by the application, under an ID that is generated here. With
 * `usesCos` the application sends it with keys of the bucket, without an upload link.
 */
export async function sendThroughApplication(file, { signal, report, usesCos }) {
  const id = crypto.randomUUID();
  let isSent = false;
  const second = await watch(id, {
    signal,
    // The application passes bytes on while the browser still sends: both legs run at once.
    onProgress: cloud => report({ cloud, state: isSent ? 'storing' : 'sending' }),
  });
  const form = new FormData();
  form.set('image', file, file.name);
  try {
    const address = usesCos ? '/api/images/cos' : '/api/images';
    const answer = await postForm(address, form, {
      headers: { 'X-Upload-Id': id },
      signal,
      onProgress: share => {
        isSent = share === 1;
        report({ application: share, state: isSent ? 'storing' : 'sending' });
      },
    });
    if (answer === undefined && signal.aborted) throw Failure.cancelled();
    setConnected(answer !== undefined);
    if (answer === undefined) throw Failure.offline();
    if (answer.status >= 400) throw Failure.of(answer.status, answer.body);
    report({ application: 1, cloud: 1 });
    return answer.body;
  } finally {
    second.close();
  }
}

/** Resolves when events can come, so that none is missed, or when the connection for them fails. */
async function watch(id, { signal, onProgress }) {
  const events = new EventSource(`/api/progress/${id}`);
  events.addEventListener('message', ({ data }) => {
    const { type, transferredBytes, totalBytes } = JSON.parse(data);
    if (type === 'end') events.close();
    else onProgress(totalBytes === 0 ? 1 : transferredBytes / totalBytes);
  });
  await new Promise(resolve => {
    events.addEventListener('open', resolve, { once: true });
    events.addEventListener('error', resolve, { once: true });
    signal.addEventListener('abort', resolve, { once: true });
  });
  return events;
}

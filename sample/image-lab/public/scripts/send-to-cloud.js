import { confirmDirectUpload, Failure, openDirectUpload } from './api.js';
import { postForm } from './post-form.js';

/** Posts a file to the cloud with a form of the application, which then checks the stored file. */
export async function sendToCloud(file, { signal, report }) {
  report({ state: 'asking' });
  const { url, fields, fileId, ticket, expiresAt } = await openDirectUpload(file, signal);
  report({ state: 'sending', expiresAt: new Date(expiresAt) });
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.set(name, value);
  // The storage takes no field behind the file.
  form.set('file', file, file.name);
  const answer = await postForm(url, form, { signal, onProgress: cloud => report({ cloud }) });
  if (answer === undefined) {
    throw signal.aborted ? Failure.cancelled() : new Failure('error.cloudUnreachable');
  }
  if (answer.status >= 400) throw new Failure('error.cloud');
  report({ state: 'checking', cloud: 1 });
  // The ticket proves that the file comes from a form of the application, which keeps no list.
  return confirmDirectUpload({ fileId, ticket, name: file.name }, signal);
}

import { operationOf } from './effects.mjs';

/**
 * Reads the subject of an exchange: the paths of requested links, or the files that are looked up
 * or deleted. It is filled while the request arrives, and empty for aborted requests and token
 * requests.
 */
export function readSubject(request, emulator) {
  const subject = { paths: [], fileIds: [], isKnown: true };
  const operation = operationOf(request);
  if (operation === 'head-object') subject.fileIds = [fileIdOf(request, emulator)];
  else if (BODY_OPERATIONS.includes(operation)) readFromBody(request, subject);
  else subject.isKnown = !TOKEN_OPERATIONS.includes(operation);
  return subject;
}

const TOKEN_OPERATIONS = ['token', 'stable-token'];
const BODY_OPERATIONS = ['upload-link', 'download-links', 'delete-files'];

function fileIdOf({ url }, { env, bucket }) {
  const path = decodeURIComponent(url.split('?')[0]).replace(`/download/${bucket}/`, '');
  return `cloud://${env}.${bucket}/${path}`;
}

/**
 * Observes the data that the parser passes to the request, because only the emulator can read it.
 */
function readFromBody(request, subject) {
  subject.isKnown = false;
  const chunks = [];
  const push = request.push;
  request.push = function (chunk, encoding) {
    if (chunk === null) Object.assign(subject, parseBody(Buffer.concat(chunks)));
    else chunks.push(chunk);
    return push.call(this, chunk, encoding);
  };
}

function parseBody(bytes) {
  const { path, fileid_list: deleted = [], file_list: linked = [] } = JSON.parse(bytes);
  const fileIds = [...deleted, ...linked.map(({ fileid }) => fileid)];
  return { paths: path === undefined ? [] : [path], fileIds, isKnown: true };
}

import { operationOf } from './effects.mjs';

/**
 * What an exchange is about: the paths that links are asked for, or the files that are looked for or deleted. Filled as
 * the request arrives; a request that was broken off, and one for a token, is not known to be about anything.
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

/** Listens in on what the parser hands to the request, as it can be read only once, by the emulator. */
function readFromBody(request, subject) {
  subject.isKnown = false;
  const pieces = [];
  const push = request.push;
  request.push = function (piece, encoding) {
    if (piece === null) Object.assign(subject, parseBody(Buffer.concat(pieces)));
    else pieces.push(piece);
    return push.call(this, piece, encoding);
  };
}

function parseBody(bytes) {
  const { path, fileid_list: deleted = [], file_list: linked = [] } = JSON.parse(bytes);
  const fileIds = [...deleted, ...linked.map(({ fileid }) => fileid)];
  return { paths: path === undefined ? [] : [path], fileIds, isKnown: true };
}

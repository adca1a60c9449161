import { operationOf } from './effects.mjs';

/**
 * Reads the subject of an exchange: the paths of requested links, or the files that are deleted. It
 * is filled while the request arrives, and empty for aborted requests.
 */
export function readSubject(request, emulator) {
  const subject = { paths: [], fileIds: [], isKnown: true };
  const operation = operationOf(request);
  if (operation === 'delete-object') subject.fileIds = [fileIdOf(request, emulator)];
  else if (BODY_OPERATIONS.includes(operation)) readFromBody(request, subject, emulator);
  return subject;
}

const BODY_OPERATIONS = ['upload-link', 'delete-files', 'delete-objects'];

function fileIdOf({ url }, { env, bucket }) {
  const path = decodeURIComponent(url.split('?')[0]);
  const [, , key] = path.split(new RegExp(`^(/download)?/${bucket}/`));
  return `cloud://${env}.${bucket}/${key}`;
}

/** The first byte of a list in XML. */
const LESS_THAN = 0x3c;

/**
 * Observes the data that the parser passes to the request, because only the emulator can read it.
 */
function readFromBody(request, subject, emulator) {
  subject.isKnown = false;
  const chunks = [];
  const push = request.push;
  request.push = function (chunk, encoding) {
    if (chunk === null) Object.assign(subject, parseBody(Buffer.concat(chunks), emulator));
    else chunks.push(chunk);
    return push.call(this, chunk, encoding);
  };
}

function parseBody(bytes, { env, bucket }) {
  if (bytes[0] === LESS_THAN) {
    const keys = [...String(bytes).matchAll(/<Key>([^<]*)<\/Key>/g)];
    const fileIds = keys.map(([, key]) => `cloud://${env}.${bucket}/${key}`);
    return { paths: [], fileIds, isKnown: true };
  }
  const { path, fileid_list: fileIds = [] } = JSON.parse(bytes);
  return { paths: path === undefined ? [] : [path], fileIds, isKnown: true };
}

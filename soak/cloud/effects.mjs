// The faults of the cloud. It fails in every way that the emulator supports, but never lies
// undetectably: it does not confirm an object that was not stored, report an existing file as
// missing, or return other content as a file.

const BROKEN_ANYWHERE = [
  { kind: 'status', status: 502, body: 'Bad Gateway' },
  { kind: 'status', status: 429 },
  { kind: 'status', status: 403, body: 'Forbidden' },
  { kind: 'status', status: 302 },
  { kind: 'reset', at: 'request' },
  { kind: 'reset', at: 'request', afterBytes: 1_000 },
  { kind: 'reset', at: 'answer' },
  { kind: 'reset', at: 'answer', afterBytes: 10 },
  { kind: 'hang', at: 'request' },
  { kind: 'hang', at: 'answer' },
  { kind: 'delay', delayMs: 30 },
  { kind: 'delay', delayMs: 300 },
  { kind: 'empty' },
  { kind: 'empty', status: 503 },
];
const BROKEN_API = [
  { kind: 'errcode', errcode: -1, errmsg: 'system error' },
  { kind: 'errcode', errcode: 40001, errmsg: 'invalid credential' },
  { kind: 'errcode', errcode: 40014, errmsg: 'invalid access_token' },
  { kind: 'errcode', errcode: 42001, errmsg: 'access_token expired' },
  { kind: 'errcode', errcode: 45009, errmsg: 'reach max api daily quota limit' },
  { kind: 'errcode', errcode: 45011, errmsg: 'api minute-quota reach limit' },
  { kind: 'errcode', errcode: -501001 },
  { kind: 'errcode', errcode: -501007 },
  { kind: 'malformed-json' },
  { kind: 'empty', status: 200 },
  { kind: 'status', status: 200, body: 'ok' },
];
const BROKEN_BATCH = [
  { kind: 'item', status: -503002, errmsg: 'no permission' },
  { kind: 'item', status: 1, errmsg: 'STORAGE_EXCEED_AUTHORITY', index: 0 },
];
const BROKEN_OBJECT = [
  { kind: 'cos-error', cosCode: 'SlowDown' },
  { kind: 'cos-error', cosCode: 'InternalError' },
  { kind: 'cos-error', cosCode: 'RequestTimeout' },
  { kind: 'cos-error', cosCode: 'SignatureDoesNotMatch' },
  { kind: 'cos-error', cosCode: 'AccessDenied', message: 'Request has expired' },
];
/**
 * Without 403, by which the package would use the bucket no more for ten minutes. Rights are taken
 * away by `rights.mjs`, from instances of which there are several.
 */
const BROKEN_BUCKET = BROKEN_ANYWHERE.filter(({ status }) => status !== 403);
const BROKEN_UPLOAD = [
  { kind: 'reset', at: 'request', afterBytes: 50_000 },
  { kind: 'reset', at: 'request', afterBytes: 500_000 },
];
/** Success responses of a gateway to uploads that never reached the storage. */
const GATEWAY_UPLOAD = [
  { kind: 'malformed-json' },
  { kind: 'empty', status: 200 },
  { kind: 'status', status: 200, body: '{"code":"blocked","message":"ok"}' },
  { kind: 'status', status: 201, body: '{"success":true}' },
  { kind: 'status', status: 200, body: '<!doctype html><title>Sign in</title>' },
];
/** Refusals, and successes that were neither stored nor lost without a trace. */
const BROKEN_PUT = [
  ...BROKEN_BUCKET,
  ...BROKEN_OBJECT,
  ...BROKEN_UPLOAD,
  ...GATEWAY_UPLOAD,
  { kind: 'wrong-etag' },
];
const BROKEN_MULTIPART = [
  ...BROKEN_BUCKET,
  ...BROKEN_OBJECT,
  { kind: 'malformed-json' },
  { kind: 'empty', status: 200 },
];
const BROKEN_DELETION = [...BROKEN_BUCKET, ...BROKEN_OBJECT];
const BROKEN_DOWNLOAD = [
  { kind: 'reset', at: 'answer', afterBytes: 50_000 },
  // An HTML page of a gateway.
  { kind: 'malformed-json' },
];
const BROKEN_HEAD = [{ kind: 'malformed-json' }, { kind: 'empty', status: 200 }];

/** All effects by operation. */
export const EFFECTS = {
  token: [...BROKEN_ANYWHERE, ...BROKEN_API],
  'stable-token': [...BROKEN_ANYWHERE, ...BROKEN_API],
  'upload-link': [...BROKEN_ANYWHERE, ...BROKEN_API],
  'download-links': [...BROKEN_ANYWHERE, ...BROKEN_API, ...BROKEN_BATCH],
  'delete-files': [...BROKEN_ANYWHERE, ...BROKEN_API, ...BROKEN_BATCH],
  'post-object': [...BROKEN_ANYWHERE, ...BROKEN_OBJECT, ...BROKEN_UPLOAD, ...GATEWAY_UPLOAD],
  'get-object': [...BROKEN_BUCKET, ...BROKEN_OBJECT, ...BROKEN_DOWNLOAD],
  'head-object': [...BROKEN_BUCKET, ...BROKEN_OBJECT, ...BROKEN_HEAD],
  'cos-keys': [...BROKEN_ANYWHERE, ...BROKEN_API],
  'encode-metaid': [...BROKEN_ANYWHERE, ...BROKEN_API, { kind: 'short-list', count: 0 }],
  'put-object': BROKEN_PUT,
  'initiate-multipart-upload': BROKEN_MULTIPART,
  'upload-part': BROKEN_PUT,
  'complete-multipart-upload': BROKEN_MULTIPART,
  'abort-multipart-upload': BROKEN_DELETION,
  'list-parts': BROKEN_MULTIPART,
  'list-multipart-uploads': BROKEN_MULTIPART,
  'delete-object': BROKEN_DELETION,
  'delete-objects': BROKEN_MULTIPART,
  'list-objects': BROKEN_MULTIPART,
  'copy-object': BROKEN_MULTIPART,
};

const API_OPERATIONS = {
  '/cgi-bin/token': 'token',
  '/cgi-bin/stable_token': 'stable-token',
  '/tcb/uploadfile': 'upload-link',
  '/tcb/batchdownloadfile': 'download-links',
  '/tcb/batchdeletefile': 'delete-files',
  '/_/cos/getauth': 'cos-keys',
  '/_/cos/metaid/encode': 'encode-metaid',
};
/**
 * The operations by method, and by the parameter or header that tells them from others of this
 * method.
 */
const OBJECT_OPERATIONS = {
  POST: {
    uploads: 'initiate-multipart-upload',
    uploadId: 'complete-multipart-upload',
    delete: 'delete-objects',
    '': 'post-object',
  },
  PUT: { uploadId: 'upload-part', 'x-cos-copy-source': 'copy-object', '': 'put-object' },
  DELETE: { uploadId: 'abort-multipart-upload', '': 'delete-object' },
  GET: {
    uploads: 'list-multipart-uploads',
    uploadId: 'list-parts',
    'max-keys': 'list-objects',
    '': 'get-object',
  },
  HEAD: { '': 'head-object' },
};

/** Returns the operation of a request to the emulator. */
export function operationOf({ method, url, headers }) {
  const [path, query = ''] = url.split('?');
  const parameters = new URLSearchParams(query);
  const byParameter = Object.entries(OBJECT_OPERATIONS[method]);
  const found = byParameter.find(
    ([name]) => name === '' || parameters.has(name) || name in headers,
  );
  return API_OPERATIONS[path] ?? found[1];
}

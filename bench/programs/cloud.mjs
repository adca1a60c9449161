// The cloud of the benchmark: WeChat's API, COS, the admin API of CloudBase and an S3, as far as
// uploads and downloads need them. It only counts bytes, so that it is never the bottleneck.
// Latency can be added, and a limit on the speed of uploads.
import { createServer } from 'node:http';
import { answerQuestions } from '../support/processes.mjs';

const BLOCK = Buffer.alloc(1024 * 1024, 'wx-cloud');
const FAST = { apiMs: 0, objectMs: 0, objectBytesPerSecond: Infinity };
let latency = FAST;
let counts;
const reset = () => {
  counts = { apiCalls: 0, linkCalls: 0, objects: 0, bytes: 0 };
};
reset();

const later = (ms, work) => (ms > 0 ? setTimeout(work, ms) : work());
const origin = request => `http://${request.headers.host}`;

function answerJson(response, value) {
  later(latency.apiMs, () => {
    const body = JSON.stringify(value);
    response.writeHead(200, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    });
    response.end(body);
  });
}

async function readJson(request) {
  let text = '';
  for await (const chunk of request) text += chunk;
  return text === '' ? {} : JSON.parse(text);
}

/** Counts a body, read as fast as the case allows, and responds at its end. */
function count(request, answer) {
  const startMs = performance.now();
  let read = 0;
  request.on('data', chunk => {
    counts.bytes += chunk.byteLength;
    read += chunk.byteLength;
    const earlyMs = (read / latency.objectBytesPerSecond) * 1_000 - (performance.now() - startMs);
    if (earlyMs < 1) return;
    request.pause();
    setTimeout(() => request.resume(), earlyMs);
  });
  request.once('end', () => later(latency.objectMs, answer));
}

const API = {
  '/cgi-bin/stable_token': () => ({ access_token: 'bench-token', expires_in: 7200 }),
  '/tcb/uploadfile': (request, { path, env }) => ({
    errcode: 0,
    errmsg: 'ok',
    url: `${origin(request)}/cos`,
    token: 'bench-security-token',
    authorization: 'q-sign-algorithm=sha1&q-sign-time=1;9999999999',
    file_id: `cloud://${env}.bench-1300000000/${path}`,
    cos_file_id: 'bench-meta',
  }),
  '/tcb/batchdownloadfile': (request, { file_list: files }) => {
    counts.linkCalls += 1;
    return {
      errcode: 0,
      errmsg: 'ok',
      file_list: files.map(({ fileid }) => ({
        fileid,
        download_url: `${origin(request)}/object/${fileid.split('/').at(-1)}?sign=0a&t=1`,
        status: 0,
        errmsg: 'ok',
      })),
    };
  },
  '/_/cos/metaid/encode': (request, { paths }) => ({
    errcode: 0,
    errmsg: 'ok',
    respdata: { x_cos_meta_field_strs: paths.map(() => 'bench-meta') },
  }),
  '/admin': (request, { path }) => ({
    requestId: 'bench',
    data: {
      url: `${origin(request)}/put`,
      token: 'bench',
      authorization: 'bench',
      fileId: `cloud://bench.bench/${path}`,
      cosFileId: 'bench',
    },
  }),
};

async function answerApi(request, response, path) {
  counts.apiCalls += 1;
  const body = await readJson(request);
  answerJson(response, API[path](request, body));
}

const xml = (root, inner) => `<?xml version="1.0" encoding="UTF-8"?><${root}>${inner}</${root}>`;

/**
 * Responds as S3 and COS: one request for small objects; a start, parts and an end for larger ones.
 * As with encryption by keys, the ETag is not the MD5 of the content.
 */
function answerS3(request, response, query) {
  const isStart = request.method === 'POST' && query.has('uploads');
  const isEnd = request.method === 'POST' && query.has('uploadId');
  if (isEnd || (request.method === 'PUT' && !query.has('partNumber'))) counts.objects += 1;
  count(request, () => {
    const common = '<Bucket>bench</Bucket><Key>a</Key>';
    const texts = [
      [isStart, xml('InitiateMultipartUploadResult', `${common}<UploadId>1</UploadId>`)],
      [isEnd, xml('CompleteMultipartUploadResult', `${common}<ETag>"a"</ETag>`)],
    ];
    const body = texts.find(([matches]) => matches)?.[1] ?? '';
    response.writeHead(200, {
      etag: '"a"',
      'x-cos-server-side-encryption': 'cos/kms',
      'content-type': 'application/xml',
      'content-length': Buffer.byteLength(body),
    });
    response.end(body);
  });
}

/** Responds to `/object/<bytes>` with that many bytes. */
function answerObject(request, response, path) {
  const size = Number(path.split('/').at(-1).split('-')[0]);
  response.writeHead(200, { 'content-length': size, 'content-type': 'application/octet-stream' });
  let left = size;
  const write = () => {
    while (left > 0) {
      const chunk = left < BLOCK.byteLength ? BLOCK.subarray(0, left) : BLOCK;
      left -= chunk.byteLength;
      if (!response.write(chunk)) return response.once('drain', write);
    }
    return response.end();
  };
  write();
}

const server = createServer((request, response) => {
  const [path, query = ''] = request.url.split('?');
  if (path in API) return void answerApi(request, response, path);
  if (path === '/cos' || path === '/put') {
    counts.objects += 1;
    return count(request, () => response.writeHead(path === '/cos' ? 204 : 200).end());
  }
  if (path.startsWith('/object/')) return answerObject(request, response, path);
  return answerS3(request, response, new URLSearchParams(query));
});
server.keepAliveTimeout = 120_000;
server.requestTimeout = 0;
server.listen(0, '127.0.0.1', () => {
  answerQuestions(`http://127.0.0.1:${server.address().port}`, {
    reset: given => {
      latency = { ...FAST, ...given };
      reset();
    },
    counts: () => counts,
  });
});

// The same as `ours-declared`, written by hand without any checks: the time that Nest, its parser
// and undici take.
import { FilesInterceptor } from '@nestjs/platform-express';
import { callbackify } from 'node:util';
import { Agent, request } from 'undici';
import { answerFor, declaredSizeOf, LIMITS, startNest } from './nest.mjs';

const BOUNDARY = '----bench-bare';

function toForm(link, stream, size) {
  const fields = {
    key: 'bare',
    Signature: link.authorization,
    'x-cos-security-token': link.token,
    'x-cos-meta-fileid': link.cos_file_id,
  };
  const disposition = `--${BOUNDARY}\r\nContent-Disposition: form-data; name=`;
  const head = Buffer.from(
    Object.entries(fields)
      .map(([name, value]) => `${disposition}"${name}"\r\n\r\n${value}\r\n`)
      .join('') + `${disposition}"file"; filename="file"\r\n\r\n`,
  );
  const tail = Buffer.from(`\r\n--${BOUNDARY}--\r\n`);
  async function* join() {
    yield head;
    yield* stream;
    yield tail;
  }
  const headers = {
    'content-type': `multipart/form-data; boundary=${BOUNDARY}`,
    'content-length': String(head.byteLength + size + tail.byteLength),
  };
  return { headers, body: join() };
}

/** Starts the contestant. */
export function start(cloud) {
  const dispatcher = new Agent();
  const store = callbackify(async (incoming, { stream }) => {
    const size = declaredSizeOf(incoming);
    const answer = await request(`${cloud}/tcb/uploadfile?access_token=bench`, {
      method: 'POST',
      dispatcher,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ env: 'bench', path: 'bare' }),
    });
    const link = await answer.body.json();
    const form = toForm(link, stream, size);
    const { body } = await request(link.url, { method: 'POST', dispatcher, ...form });
    await body.dump();
    return { size };
  });
  const engine = {
    _handleFile: (incoming, file, callback) => store(incoming, file, callback),
    _removeFile: (_incoming, _file, callback) => callback(null),
  };
  const interceptor = FilesInterceptor('file', 100, { storage: engine, limits: LIMITS });
  return startNest({ interceptor, store: answerFor });
}

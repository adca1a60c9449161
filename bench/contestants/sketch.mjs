import { FilesInterceptor } from '@nestjs/platform-express';
import { Agent, request } from 'undici';
import { answerFor, LIMITS, startNest } from './nest.mjs';
import { randomUUID } from 'node:crypto';
export function start(cloud) {
  const dispatcher = new Agent();
  const send = async (chunks) => {
    const file = Buffer.concat(chunks);
    const a = await request(`${cloud}/tcb/uploadfile?access_token=x`, { method: 'POST', dispatcher, headers: {'content-type':'application/json'}, body: JSON.stringify({env:'bench', path: randomUUID()}) });
    const link = await a.body.json();
    const b = 'xxxxxxxxxxxxxxxxxxxxxx';
    const form = Buffer.concat([Buffer.from(`--${b}\r\nContent-Disposition: form-data; name="key"\r\n\r\n${link.file_id}\r\n--${b}\r\nContent-Disposition: form-data; name="Signature"\r\n\r\n${link.authorization}\r\n--${b}\r\nContent-Disposition: form-data; name="x-cos-security-token"\r\n\r\n${link.token}\r\n--${b}\r\nContent-Disposition: form-data; name="file"; filename="file"\r\n\r\n`), file, Buffer.from(`\r\n--${b}--\r\n`)]);
    const r = await request(link.url, { method: 'POST', dispatcher, headers: { 'content-type': `multipart/form-data; boundary=${b}` }, body: form });
    await r.body.dump();
    return { size: file.length, fileId: link.file_id };
  };
  const engine = {
    _handleFile(_request, { stream }, callback) {
      const chunks = [];
      stream.on('data', piece => chunks.push(piece));
      stream.once('error', callback);
      stream.once('end', () => send(chunks).then(info => callback(null, info), callback));
    },
    _removeFile: (_request, _file, callback) => callback(null),
  };
  const interceptor = FilesInterceptor('file', 100, { storage: engine, limits: LIMITS });
  return startNest({ interceptor, store: answerFor });
}

import { FilesInterceptor } from '@nestjs/platform-express';
import { Agent, request } from 'undici';
import { Readable } from 'node:stream';
import { answerFor, LIMITS, startNest, declaredSizeOf } from './nest.mjs';
export function start(cloud) {
  const dispatcher = new Agent(process.env.HW ? { connect: { highWaterMark: Number(process.env.HW) } } : {});
  const send = async (stream, size) => {
    const a = await request(`${cloud}/tcb/uploadfile?access_token=x`, { method: 'POST', dispatcher, headers: {'content-type':'application/json'}, body: JSON.stringify({env:'bench', path: 'a'}) });
    const link = await a.body.json();
    const b = 'xxxxxxxxxxxxxxxxxxxxxx';
    const head = Buffer.from(`--${b}\r\nContent-Disposition: form-data; name="key"\r\n\r\n${link.file_id}\r\n--${b}\r\nContent-Disposition: form-data; name="file"; filename="file"\r\n\r\n`);
    const tail= Buffer.from(`\r\n--${b}--\r\n`);
    let body;
    if (process.env.SK === 'gen') body = (async function*(){ yield head; for await (const c of stream) yield c; yield tail; })();
    else body = stream;
    const len = process.env.SK==='gen' ? head.length+size+tail.length : size;
    const r = await request(link.url, { method: 'POST', dispatcher, headers: { 'content-type': `multipart/form-data; boundary=${b}`, 'content-length': String(len) }, body });
    await r.body.dump();
    return { size, fileId: link.file_id };
  };
  const engine = {
    _handleFile(req, { stream }, callback) { send(stream, declaredSizeOf(req)).then(info => callback(null, info), callback); },
    _removeFile: (_request, _file, callback) => callback(null),
  };
  const interceptor = FilesInterceptor('file', 100, { storage: engine, limits: LIMITS });
  return startNest({ interceptor, store: answerFor });
}

// The way of the usual tutorials: files in memory, then axios and form-data, one file after the
// other.
import { FilesInterceptor } from '@nestjs/platform-express';
import axios from 'axios';
import FormData from 'form-data';
import { answerFor, LIMITS, startNest } from './nest.mjs';

/** Starts the contestant. */
export async function start(cloud) {
  const { data: token } = await axios.post(`${cloud}/cgi-bin/stable_token`, {});
  const storeOne = async ({ buffer }) => {
    const path = `bench/${crypto.randomUUID()}`;
    const { data: link } = await axios.post(
      `${cloud}/tcb/uploadfile?access_token=${token.access_token}`,
      { env: 'bench', path },
    );
    const form = new FormData();
    form.append('key', path);
    form.append('Signature', link.authorization);
    form.append('x-cos-security-token', link.token);
    form.append('x-cos-meta-fileid', link.cos_file_id);
    form.append('file', buffer, { filename: 'file' });
    await axios.post(link.url, form, {
      headers: form.getHeaders(),
      maxBodyLength: Infinity,
      maxContentLength: Infinity,
    });
  };
  const interceptor = FilesInterceptor('file', 100, { limits: LIMITS });
  const store = async files => {
    for (const file of files) await storeOne(file);
    return answerFor(files);
  };
  return startNest({ interceptor, store });
}

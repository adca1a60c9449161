import { request } from 'node:http';
import { request as requestTls } from 'node:https';
import { WxAccessTokenProvider } from 'nestjs-wx-cloud-storage';
import { describeError } from '../report.mjs';

const isLinks = ({ options }) => options.cos === undefined;
const isSidecar = ({ options }) => options.auth?.type === 'open-api-service';

/** Questions about links and forms. */
export const LINK_FACTS = [
  {
    question: 'Is the path in a download link raw or percent-encoded?',
    isFor: isLinks,
    answer: async (way, { app, storage, folder, track }) => {
      const file = track(await storage.upload(`${folder}/链 接.txt`, 'link'));
      const link = await fetchRawLink(way, app, file.fileId);
      return /[^\u0021-\u007E]/.test(link) ? 'raw' : 'percent-encoded';
    },
  },
  {
    question: 'Is the address of an upload form of path style or of host style?',
    isFor: isLinks,
    answer: async (way, { storage, folder }) => {
      const { url, fileId } = await storage.createUploadForm(`${folder}/address.txt`);
      const { host, pathname } = new URL(url);
      const bucket = fileId.slice(fileId.indexOf('.') + 1, fileId.indexOf('/', 'cloud://'.length));
      if (host.startsWith(`${bucket}.`)) return `host style, with the path ${shapeOf(pathname)}`;
      return pathname.startsWith(`/${bucket}`) ? 'path style' : `neither: the host is ${host}`;
    },
  },
  {
    question: 'Does an upload form take the extra field Cache-Control?',
    isFor: isLinks,
    answer: async (way, { storage, folder, track }) => {
      const form = await storage.createUploadForm(`${folder}/extra.txt`);
      const { status } = await sendForm(form, { ...form.fields, 'Cache-Control': 'max-age=60' });
      if (status >= 300) return `no (HTTP ${status})`;
      track(form);
      const response = await fetch(await storage.getDownloadUrl(form.fileId));
      await response.arrayBuffer();
      return `yes; a download then has Cache-Control: ${response.headers.get('cache-control')}`;
    },
  },
  {
    question: 'Does an upload form need the line end after its last delimiter?',
    isFor: isLinks,
    answer: async (way, { storage, folder, track }) => {
      const form = await storage.createUploadForm(`${folder}/line-end.txt`);
      const { status } = await sendForm(form, form.fields, '');
      if (status < 300) track(form);
      return status < 300 ? 'no' : `yes (HTTP ${status})`;
    },
  },
];

function shapeOf(pathname) {
  return pathname === '/' ? '/' : '/<path of the object>';
}

/** Sends a form by hand, with `ending` after the last delimiter. */
async function sendForm({ url }, fields, ending = '\r\n') {
  const boundary = 'wx-cloud-storage-live';
  const parts = Object.entries(fields).map(
    ([name, value]) =>
      `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  );
  const file = `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="file"\r\n\r\nlive\r\n`;
  const body = Buffer.from(`${parts.join('')}${file}--${boundary}--${ending}`);
  const headers = {
    'content-type': `multipart/form-data; boundary=${boundary}`,
    'content-length': body.byteLength,
  };
  return new Promise((resolve, reject) => {
    const start = url.startsWith('https:') ? requestTls : request;
    const sent = start(url, { method: 'POST', headers, timeout: 30_000 }, response => {
      response.resume();
      response.once('end', () => resolve({ status: response.statusCode }));
    });
    sent.once('timeout', () => sent.destroy(new Error('no response within 30 seconds')));
    sent.once('error', reject);
    sent.end(body);
  });
}

async function fetchRawLink(way, app, fileId) {
  const { env, apiBaseUrl = 'https://api.weixin.qq.com', auth } = way.options;
  const name = auth?.type === 'cloudbase-token' ? 'cloudbase_access_token' : 'access_token';
  const query = isSidecar(way)
    ? ''
    : `?${name}=${encodeURIComponent(await app.get(WxAccessTokenProvider).getAccessToken())}`;
  const response = await fetch(`${apiBaseUrl}/tcb/batchdownloadfile${query}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ env, file_list: [{ fileid: fileId, max_age: 300 }] }),
  }).catch(error => {
    // The address holds the token.
    throw new Error(
      `/tcb/batchdownloadfile failed: ${error.cause?.code ?? describeError(error.name)}`,
    );
  });
  const { file_list: [item] = [], errcode } = await response.json();
  if (!item?.download_url) throw new Error(`no link (errcode ${errcode}, ${item?.errmsg})`);
  return item.download_url;
}

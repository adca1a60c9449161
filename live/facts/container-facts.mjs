import { createCosClient, fetchContainerKeys, tryCall } from './cos-client.mjs';

const isContainer = ({ options }) => options.cos?.credentials === 'container';
const isCos = ({ options }) => options.cos !== undefined;

/** Questions about the keys of a bucket, and the sidecar of a container. */
export const CONTAINER_FACTS = [
  {
    question: 'How long do the keys of the container live, and in which form is ExpiredTime?',
    isFor: isContainer,
    answer: async ({ options }) => {
      const { expiredTime } = await fetchContainerKeys(options.apiBaseUrl);
      const seconds = Math.round(Number(expiredTime) - Date.now() / 1_000);
      return `${seconds} s are left; ExpiredTime is a ${typeof expiredTime}`;
    },
  },
  {
    question: 'Which operations do the keys allow?',
    isFor: isCos,
    answer: async (way, { folder }) => {
      const { call } = await createCosClient(way);
      const rights = await findRights(call, way.options.cos, folder);
      return rights.map(([right, found]) => `${right}: ${found}`).join(', ');
    },
  },
  {
    question: 'Does /_/cos/metaid/encode take paths with a leading slash, without, or both?',
    isFor: isContainer,
    answer: async ({ options }, { folder }) => {
      const paths = [`/${folder}/slash.txt`, `${folder}/slash.txt`];
      const encode = [];
      for (const path of paths) encode.push(await encodePath(options, path));
      const decoded = [];
      for (const value of encode) decoded.push(await decodeValue(options, value));
      return `with: decoded as ${decoded[0]}; without: decoded as ${decoded[1]}`;
    },
  },
  {
    question:
      'Is a PUT with Transfer-Encoding: chunked stored, and is nothing left of a broken one?',
    isFor: isCos,
    answer: async (way, { folder }) => {
      const { call } = await createCosClient(way);
      const { Readable } = await import('node:stream');
      const Key = `${folder}/chunked.txt`;
      const whole = await tryCall(() =>
        call('putObject', { Key, Body: Readable.from([Buffer.from('whole')]) }),
      );
      const broken = `${folder}/broken.txt`;
      await tryCall(() => call('putObject', { Key: broken, Body: breakOff() }));
      const left = await tryCall(() => call('headObject', { Key: broken }));
      await call('deleteMultipleObject', { Objects: [{ Key }, { Key: broken }] }).catch(() => {});
      return `stored: ${whole}; something is left of a broken one: ${left}`;
    },
  },
];

async function findRights(call, { bucket, region = 'ap-shanghai' }, folder) {
  const Key = `${folder}/rights.txt`;
  const CopySource = `${bucket}.cos.${region}.myqcloud.com/${Key}`;
  const tries = [
    ['PUT', () => call('putObject', { Key, Body: 'rights' })],
    ['HEAD', () => call('headObject', { Key })],
    ['GET', () => call('getObject', { Key })],
    ['list', () => call('getBucket', { Prefix: folder, MaxKeys: 1 })],
    ['copy', () => call('putObjectCopy', { Key: `${Key}.copy`, CopySource })],
    ['multipart', () => tryMultipart(call, `${Key}.parts`)],
    ['list of unfinished uploads', () => call('multipartList', { Prefix: folder })],
    ['multi-delete', () => call('deleteMultipleObject', { Objects: [{ Key: `${Key}.copy` }] })],
    ['DELETE', () => call('deleteObject', { Key })],
  ];
  const found = [];
  for (const [right, work] of tries) found.push([right, await tryCall(work)]);
  return found;
}

async function tryMultipart(call, Key) {
  const { UploadId } = await call('multipartInit', { Key });
  await call('multipartAbort', { Key, UploadId });
}

/** A body that fails after its first bytes. */
async function* breakOffChunks() {
  yield Buffer.alloc(65_536);
  throw new Error('The body breaks off, as the question demands.');
}

async function breakOff() {
  const { Readable } = await import('node:stream');
  return Readable.from(breakOffChunks());
}

async function encodePath({ apiBaseUrl, cos }, path) {
  const found = await post(`${apiBaseUrl}/_/cos/metaid/encode`, {
    openid: '',
    bucket: cos.bucket,
    paths: [path],
  });
  return found.respdata?.x_cos_meta_field_strs?.[0] ?? `nothing (errcode ${found.errcode})`;
}

async function decodeValue({ apiBaseUrl }, metaid) {
  const found = await post(`${apiBaseUrl}/_/cos/metaid/decode`, { metaid });
  return found.respdata?.raw_data?.path ?? `nothing (errcode ${found.errcode})`;
}

async function post(url, body) {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  return response.json();
}

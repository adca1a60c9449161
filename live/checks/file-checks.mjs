import { strict as assert } from 'node:assert';
import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';

const MIB = 1_048_576;
/** More than one part of a multipart upload. */
const LARGE_BYTES = 6 * MIB;

/** The operations that every way has to support, in order. */
export const FILE_CHECKS = [
  {
    name: 'the self-check',
    run: async ({ storage }) => {
      const found = await storage.check({ bucket: true });
      const failed = Object.values(found).find(part => part.status === 'failed');
      if (failed !== undefined) throw failed.error;
    },
  },
  {
    name: 'a small file is stored, read and described',
    run: async ({ storage, folder, track }) => {
      const file = track(await storage.upload(`${folder}/small.txt`, 'live'));
      assert.equal((await storage.downloadBuffer(file.fileId)).toString(), 'live');
      const { size, contentType } = await storage.stat(file.fileId);
      assert.equal(size, 4);
      assert.match(contentType, /^text\/plain\b/);
    },
  },
  {
    name: 'a stream of 6 MiB without a size is stored and read',
    run: async ({ storage, folder, track }) => {
      const bytes = randomBytes(LARGE_BYTES);
      const chunks = Readable.from(cut(bytes));
      const file = track(await storage.upload(`${folder}/large.bin`, chunks));
      await assertStored(storage, file.fileId, bytes);
    },
  },
  {
    name: 'a stream of 6 MiB with its size is stored and read',
    run: async ({ storage, folder, track }) => {
      const bytes = randomBytes(LARGE_BYTES);
      const body = Readable.from(cut(bytes));
      const path = `${folder}/declared.bin`;
      const file = track(await storage.upload(path, body, { size: bytes.byteLength }));
      await assertStored(storage, file.fileId, bytes);
    },
  },
  {
    name: 'an empty file is stored and read',
    run: async ({ storage, folder, track }) => {
      const file = track(await storage.upload(`${folder}/empty.bin`, Buffer.alloc(0)));
      assert.equal((await storage.downloadBuffer(file.fileId)).byteLength, 0);
    },
  },
  {
    name: 'a path with Chinese, a space and signs is stored and read',
    run: async ({ storage, folder, track }) => {
      const file = track(await storage.upload(`${folder}/图片 (1)+~!.txt`, '你好'));
      assert.equal((await storage.downloadBuffer(file.fileId)).toString(), '你好');
      assert.equal((await fetchOk(await storage.getDownloadUrl(file.fileId))).toString(), '你好');
    },
  },
  {
    name: 'a range is read',
    run: async ({ storage, folder, track }) => {
      const file = track(await storage.upload(`${folder}/range.txt`, '0123456789'));
      const part = await storage.downloadBuffer(file.fileId, { range: { start: 2, end: 4 } });
      assert.equal(part.toString(), '234');
    },
  },
  {
    name: 'a link for clients leads to the file',
    run: async ({ storage, folder, track }) => {
      const file = track(await storage.upload(`${folder}/link.txt`, 'linked'));
      assert.equal((await fetchOk(await storage.getDownloadUrl(file.fileId))).toString(), 'linked');
    },
  },
  {
    name: 'the form of createUploadForm is accepted, and its file confirmed',
    run: async ({ storage, folder, track }) => {
      const form = await storage.createUploadForm(`${folder}/form.txt`, {
        contentType: 'text/plain',
      });
      const body = new FormData();
      for (const [name, value] of Object.entries(form.fields)) body.append(name, value);
      body.append('file', new Blob(['from a client']), 'form.txt');
      const response = await fetch(form.url, { method: 'POST', body });
      assert.ok(response.ok, `the storage responded with ${response.status}`);
      track(form);
      const { size } = await storage.confirmUpload(form.fileId, { ticket: form.ticket });
      assert.equal(size, 13);
    },
  },
  {
    name: 'a form of 6 MiB to an interceptor is stored',
    run: async ({ storage, folder, track, url }) => {
      const bytes = randomBytes(LARGE_BYTES);
      const body = new FormData();
      body.append('file', new Blob([bytes]), 'large.bin');
      const headers = { 'x-live-folder': folder };
      const response = await fetch(`${url}/files`, { method: 'POST', headers, body });
      const file = await response.json();
      assert.equal(response.status, 201, JSON.stringify(file));
      track(file);
      await assertStored(storage, file.fileId, bytes);
    },
  },
  {
    name: 'a deleted file is gone, and can be deleted again',
    run: async ({ storage, folder }) => {
      const { fileId } = await storage.upload(`${folder}/deleted.txt`, 'deleted');
      await storage.delete(fileId);
      assert.equal(await storage.exists(fileId), false);
      await storage.delete(fileId);
    },
  },
];

/** Fetches the body of a link. */
export async function fetchOk(url) {
  const response = await fetch(url);
  assert.ok(response.ok, `the link responded with ${response.status}`);
  return Buffer.from(await response.arrayBuffer());
}

async function assertStored(storage, fileId, bytes) {
  const read = await storage.downloadBuffer(fileId);
  assert.equal(digestOf(read), digestOf(bytes), 'other bytes were read than stored');
}

function digestOf(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}

function* cut(bytes) {
  for (let at = 0; at < bytes.byteLength; at += 65_536) yield bytes.subarray(at, at + 65_536);
}

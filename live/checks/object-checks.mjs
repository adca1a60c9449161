import { strict as assert } from 'node:assert';
import { fetchOk } from './file-checks.mjs';

/** A user of no mini program; the value is only signed into an object. */
const OPENID = 'oLIVE0000000000000000000live';

/** The operations of the `cos` option, in order. */
export const OBJECT_CHECKS = [
  {
    name: 'metadata, Cache-Control and Content-Disposition are stored',
    run: async ({ storage, folder, track }) => {
      const options = {
        metadata: { origin: 'live' },
        cacheControl: 'max-age=60',
        contentDisposition: 'attachment; filename="live.txt"',
      };
      const path = `${folder}/metadata.txt`;
      const { fileId } = track(await storage.upload(path, 'metadata', options));
      const { metadata, cacheControl, contentDisposition } = await storage.stat(fileId);
      assert.deepEqual({ metadata, cacheControl, contentDisposition }, options);
    },
  },
  {
    name: 'createOnly refuses a path that exists',
    run: async ({ storage, folder, track }) => {
      const path = `${folder}/once.txt`;
      const { fileId } = track(await storage.upload(path, 'first', { createOnly: true }));
      await assert.rejects(storage.upload(path, 'second', { createOnly: true }));
      assert.equal((await storage.downloadBuffer(fileId)).toString(), 'first');
    },
  },
  {
    name: 'the owner is signed into a file, and read again',
    run: async ({ storage, folder, track }) => {
      const path = `${folder}/owned.txt`;
      const { fileId } = track(await storage.upload(path, 'owned', { openid: OPENID }));
      assert.deepEqual(await storage.ownerOf(fileId), { openid: OPENID });
    },
  },
  {
    name: 'a folder is listed',
    run: async ({ storage, folder, track }) => {
      const names = ['a.txt', 'b.txt', 'c/d.txt'];
      for (const name of names) track(await storage.upload(`${folder}/list/${name}`, name));
      const found = [];
      for await (const entry of storage.list({ prefix: `${folder}/list/`, delimiter: '/' })) {
        found.push(`${entry.type} ${entry.cloudPath}`);
      }
      assert.deepEqual(found.toSorted(), [
        `file ${folder}/list/a.txt`,
        `file ${folder}/list/b.txt`,
        `prefix ${folder}/list/c/`,
      ]);
    },
  },
  {
    name: 'a copy has a file ID that works',
    run: async ({ storage, folder, track }) => {
      const { fileId } = track(await storage.upload(`${folder}/original.txt`, 'copied'));
      const copy = track(await storage.copy(fileId, `${folder}/copy.txt`));
      assert.equal((await fetchOk(await storage.getDownloadUrl(copy.fileId))).toString(), 'copied');
    },
  },
  {
    name: 'a moved file is at its new path only',
    run: async ({ storage, folder, track }) => {
      const { fileId } = track(await storage.upload(`${folder}/before.txt`, 'moved'));
      const moved = track(await storage.move(fileId, `${folder}/after.txt`));
      assert.equal((await storage.downloadBuffer(moved.fileId)).toString(), 'moved');
      assert.equal(await storage.exists(fileId), false);
    },
  },
  {
    name: 'the URL of createUploadUrl takes a file',
    run: async ({ storage, folder, track }) => {
      const { url, method, headers, fileId } = await storage.createUploadUrl(`${folder}/put.txt`, {
        contentType: 'text/plain',
        expiresInSeconds: 300,
      });
      const response = await fetch(url, { method, headers, body: 'put' });
      assert.ok(response.ok, `the storage responded with ${response.status}`);
      track({ fileId });
      assert.equal((await storage.downloadBuffer(fileId)).toString(), 'put');
    },
  },
];

import { randomUUID } from 'node:crypto';
import { describe, expect, it, jest } from '@jest/globals';
import type { WxCloudHttpRequest } from '../../../lib/http/request-origin.js';
import { chooseCloudPath, FilePath } from '../../../lib/http/cloud-path-option.js';
import type { WxCloudIncomingFile } from '../../../lib/http/upload/upload-options.js';
import { NEVER } from '../support/server.js';

const request = {} as WxCloudHttpRequest;
const facts = {
  fieldname: 'photo',
  originalname: 'a.txt',
  mimetype: 'text/plain',
  contentType: 'text/plain',
  extension: 'txt',
  size: 5,
};

describe('chooseCloudPath', () => {
  it('generates a path with the extension, different for each file', async () => {
    const choose = () => chooseCloudPath({ path: 'own/' }, facts, request, NEVER);
    const paths = [await choose(), await choose()];
    const generated = expect.stringMatching(/^own\/\d{4}\/\d\d\/\d\d\/[\da-f-]{36}\.txt$/);
    expect(paths).toEqual(paths.map(() => ({ cloudPath: generated, isPathUnique: true })));
    expect(paths[0]).not.toEqual(paths[1]);
  });

  it('passes a function the known properties of the file and a fresh UUID', async () => {
    const path = jest.fn(({ uuid }: WxCloudIncomingFile) => `own/${uuid}`);
    await chooseCloudPath({ path }, facts, request, NEVER);
    await chooseCloudPath({ path }, facts, request, NEVER);
    const uuids = path.mock.calls.map(([{ uuid }]) => uuid);
    expect(path.mock.calls).toEqual(uuids.map(uuid => [{ uuid, ...facts }, request]));
    expect(new Set(uuids).size).toBe(2);
  });

  it.each<[string, (file: WxCloudIncomingFile) => string, boolean | undefined, boolean]>([
    ['with the UUID', ({ uuid }) => `own/${uuid}.png`, undefined, true],
    ['with the UUID in a folder', ({ uuid }) => `${uuid}/a.png`, false, true],
    ['without it', () => 'own/a.png', undefined, false],
    ['with a part of it', ({ uuid }) => `own/${uuid.slice(0, -1)}`, undefined, false],
    ['with another one', () => `own/${randomUUID()}`, undefined, false],
    ['that the application vouches for', () => 'own/a.png', true, true],
  ])('accepts a path %s from a function', async (_, path, uniquePath, isPathUnique) => {
    const choosing = chooseCloudPath({ path, uniquePath }, facts, request, NEVER);
    await expect(choosing).resolves.toMatchObject({ isPathUnique });
  });

  it('stops waiting for a function when the upload is aborted', async () => {
    const caller = new AbortController();
    const path = (): Promise<never> => new Promise(() => {});
    const choosing = chooseCloudPath({ path }, facts, request, caller.signal);
    caller.abort(new Error('ended'));
    await expect(choosing).rejects.toBe(caller.signal.reason);
  });
});

describe('FilePath', () => {
  const { size: _, ...sizeless } = facts;

  it('asks the application once for each size, with the same UUID', async () => {
    const ask = jest.fn(({ uuid, size }: WxCloudIncomingFile) => `${size}/${uuid}`);
    const path = new FilePath({ path: ask }, sizeless, request, NEVER);
    const [first, again, other] = [
      await path.choose(5),
      await path.choose(5),
      await path.choose(6),
    ];
    expect(ask.mock.calls.map(([{ size }]) => size)).toEqual([5, 6]);
    expect(new Set(ask.mock.calls.map(([{ uuid }]) => uuid)).size).toBe(1);
    expect(again).toBe(first);
    expect(other.cloudPath).toMatch(/^6\//);
    expect([path.dependsOnSize, path.isUnique]).toEqual([true, true]);
  });

  it('keeps a generated path for every size', async () => {
    const path = new FilePath({ path: 'own/' }, sizeless, request, NEVER);
    expect(path.isUnique).toBe(false);
    expect(await path.choose(5)).toBe(await path.choose(6));
    expect([path.dependsOnSize, path.isUnique]).toEqual([false, true]);
  });
});

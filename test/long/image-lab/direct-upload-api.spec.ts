import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { until } from '../../support/until.js';
import { postWith, useLabServer } from '../../support/image-lab/lab-server.js';
import { makeImage, makeLargeImage, type PickedFile } from '../../support/image-lab/pictures.js';

const lab = useLabServer();

describe('a form for a direct upload', () => {
  it("is valid for 15 minutes and one file below the images' prefix", async () => {
    const form = await lab.openDirectUpload(await makeImage('jpeg', 'a.jpg'));

    expect(form).toMatchObject({
      url: expect.stringContaining(lab.emulator.url),
      fileId: expect.stringMatching(/^cloud:\/\/.+\/images\/.+\.jpg$/),
      fields: { key: expect.stringMatching(/^images\//), 'Content-Type': 'image/jpeg' },
      ticket: expect.any(String),
    });
    const minutes = (Date.parse(form.expiresAt) - Date.now()) / 60_000;
    expect(minutes).toBeGreaterThan(13);
    expect(minutes).toBeLessThanOrEqual(15);
  });

  it.each([{}, { contentType: 'text/html' }, { contentType: 7 }, []])(
    'names no type for %j',
    async body => {
      const response = await lab.post('/api/direct-uploads', body);

      expect(response.status).toBe(201);
      expect(response.body['fields']).not.toHaveProperty('Content-Type');
    },
  );
});

describe('a direct upload', () => {
  it('is in the gallery under its name once it is confirmed', async () => {
    const posted = await lab.postDirectly(await makeImage('png', 'folder/照片.png'));

    const { status, body } = await lab.confirm(posted);

    expect(status).toBe(200);
    expect(body).toMatchObject({
      fileId: posted.fileId,
      name: '照片.png',
      contentType: 'image/png',
      width: 400,
      height: 300,
      thumbnailUrl: expect.stringMatching(/^http:/),
    });
    expect(await lab.listImages()).toEqual([posted.fileId]);
  });

  it('has a name of 120 characters at most', async () => {
    const posted = await lab.postDirectly(await makeImage('png', 'a.png'));

    const { body } = await lab.confirm({ ...posted, name: `${'长'.repeat(30_000)}.png` });

    expect(body['name']).toBe('长'.repeat(120));
  });

  it('is typed by its content, whatever was announced', async () => {
    const image = await makeImage('png', 'a.txt');

    const { body } = await lab.confirm(
      await lab.postDirectly({ ...image, mimeType: 'text/plain' }),
    );

    expect(body['contentType']).toBe('image/png');
  });

  it('can be confirmed once', async () => {
    const posted = await lab.postDirectly(await makeImage('png', 'a.png'));
    await lab.confirm(posted);

    const { status, body } = await lab.confirm(posted);

    expect([status, body['errorCode']]).toEqual([409, 'UPLOAD_CONFIRMED']);
    expect(await lab.listImages()).toEqual([posted.fileId]);
  });

  it('is confirmed by one of two requests at once, and stays', async () => {
    const posted = await lab.postDirectly(await makeImage('png', 'a.png'));

    const responses = await Promise.all([lab.confirm(posted), lab.confirm(posted)]);

    expect(responses.map(({ status }) => status).toSorted()).toEqual([200, 409]);
    expect(await lab.listImages()).toEqual([posted.fileId]);
    expect(lab.emulator.objects).toHaveLength(2);
  });

  it('is not confirmed while the end of an interrupted confirmation deletes it', async () => {
    const posted = await lab.postDirectly(await makeImage('png', 'a.png'));
    const { faults } = lab.emulator;
    faults.add({ operation: 'post-object', effect: { kind: 'hang', at: 'answer' }, times: 1 });
    faults.add({ operation: 'delete-files', effect: { kind: 'delay', delayMs: 500 } });
    const client = new AbortController();
    const call = lab.post('/api/direct-uploads/confirm', posted, client.signal);
    await until(() => lab.emulator.objects.length === 2, 'the thumbnail');
    client.abort();
    await expect(call).rejects.toThrow('aborted');
    await setTimeout(100);

    const { status, body } = await lab.confirm(posted);

    expect([status, body['errorCode']]).toEqual([409, 'UPLOAD_CONFIRMED']);
    await until(() => lab.emulator.objects.length === 0, 'the removal of both files');
    expect(await lab.listImages()).toEqual([]);
  });

  it('can be confirmed once its form is posted, not before', async () => {
    const image = await makeImage('png', 'a.png');
    const form = await lab.openDirectUpload(image);

    const early = await lab.confirm({ ...form, name: 'a.png' });
    await postWith(form, image);
    const late = await lab.confirm({ ...form, name: 'a.png' });

    expect([early.status, early.body['errorCode']]).toEqual([404, 'WX_CLOUD_FILE_NOT_FOUND']);
    expect(late.status).toBe(200);
  });

  it('can be confirmed again when the cloud did not respond', async () => {
    const posted = await lab.postDirectly(await makeImage('png', 'a.png'));
    lab.emulator.faults.add({
      operation: 'download-links',
      effect: { kind: 'errcode', errcode: 45_009 },
    });

    expect((await lab.confirm(posted)).status).toBe(503);
    expect((await lab.confirm(posted)).status).toBe(200);
  });

  it.each([
    { what: 'of another environment', toId: () => 'cloud://other.b-1/images/a.png' },
    { what: 'of another folder', toId: (id: string) => id.replace('/images/', '/processed/') },
    { what: 'that is none', toId: () => 'images/a.png' },
    { what: 'in a list', toId: (id: string) => [id] },
  ])('rejects a file ID $what', async ({ toId }) => {
    const posted = await lab.postDirectly(await makeImage('png', 'a.png'));

    const { status, body } = await lab.confirm({ ...posted, fileId: toId(posted.fileId) });

    expect([status, body['errorCode']]).toEqual([400, 'WX_CLOUD_FILE_ID_INVALID']);
  });

  it.each([
    { ticket: undefined },
    { ticket: 7 },
    { name: undefined },
    { name: '' },
    { name: ['a.png'] },
  ])('rejects %j', async change => {
    const posted = await lab.postDirectly(await makeImage('png', 'a.png'));
    const calls = lab.emulator.journal.length;

    const { status, body } = await lab.confirm({ ...posted, ...change });

    expect([status, body['errorCode']]).toEqual([400, 'UPLOAD_INVALID']);
    expect(lab.emulator.journal).toHaveLength(calls);
  });

  it('rejects a file with the ticket of another form, and leaves it alone', async () => {
    const posted = await lab.postDirectly(await makeImage('png', 'a.png'));
    const { ticket } = await lab.postDirectly({
      name: 'b.png',
      mimeType: 'image/png',
      buffer: Buffer.from('a text'),
    });

    const { status, body } = await lab.confirm({ ...posted, ticket });

    expect([status, body['errorCode']]).toEqual([400, 'WX_CLOUD_TICKET_REFUSED']);
    expect(await lab.listImages()).toEqual([]);
    expect(lab.emulator.objects).toHaveLength(2);
  });
});

describe('a rejected direct upload', () => {
  const png = { name: 'a.png', mimeType: 'image/png' };
  const files: readonly { what: string; response: unknown; make: () => Promise<PickedFile> }[] = [
    {
      what: 'of a wrong type',
      response: [415, 'WX_CLOUD_TYPE_REFUSED'],
      make: () => Promise.resolve({ ...png, buffer: Buffer.from('a text') }),
    },
    {
      what: 'that is too large',
      response: [413, 'WX_CLOUD_FILE_TOO_LARGE'],
      make: async () => ({ ...png, buffer: await makeLargeImage(20 * 1024 * 1024 + 1) }),
    },
    {
      what: 'that is damaged',
      response: [422, 'IMAGE_UNREADABLE'],
      make: async () => {
        const { buffer } = await makeImage('png', 'a.png');
        return { ...png, buffer: buffer.subarray(0, buffer.length / 2) };
      },
    },
  ];

  it.each(files)('is deleted from the cloud: one $what', async ({ make, response }) => {
    const posted = await lab.postDirectly(await make());
    expect(lab.emulator.objects).toHaveLength(1);

    const { status, body } = await lab.confirm(posted);

    expect([status, body['errorCode']]).toEqual(response);
    await until(() => lab.emulator.objects.length === 0, 'an empty cloud');
    expect(await lab.listImages()).toEqual([]);
  });
});

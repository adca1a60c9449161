import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { until } from '../../support/until.js';
import { postWith, useLabServer } from '../../e2e/sample/support/lab-server.js';
import { makeImage, makeLargeImage, type PickedFile } from '../../e2e/sample/support/pictures.js';

const lab = useLabServer();

describe('a form for a direct upload', () => {
  it("is valid for 15 minutes and one file below the images' prefix", async () => {
    const form = await lab.openDirectUpload(await makeImage('jpeg', 'a.jpg'));

    expect(form).toMatchObject({
      url: expect.stringContaining(lab.emulator.url),
      fileId: expect.stringMatching(/^cloud:\/\/.+\/images\/.+\.jpg$/),
      fields: { key: expect.stringMatching(/^images\//), 'Content-Type': 'image/jpeg' },
    });
    const minutes = (Date.parse(form.expiresAt) - Date.now()) / 60_000;
    expect(minutes).toBeGreaterThan(13);
    expect(minutes).toBeLessThanOrEqual(15);
  });

  it.each([{}, { name: '' }, { name: 7 }, []])('is not issued for %j', async body => {
    const response = await lab.post('/api/direct-uploads', body);

    expect([response.status, response.body['errorCode']]).toEqual([400, 'UPLOAD_INVALID']);
    expect(lab.emulator.journal).toEqual([]);
  });
});

describe('a direct upload', () => {
  it('is in the gallery under its name once it is confirmed', async () => {
    const fileId = await lab.postDirectly(await makeImage('png', 'folder/照片.png'));

    const { status, body } = await lab.confirm(fileId);

    expect(status).toBe(200);
    expect(body).toMatchObject({
      fileId,
      name: '照片.png',
      contentType: 'image/png',
      width: 400,
      height: 300,
      thumbnailUrl: expect.stringMatching(/^http:/),
    });
    expect(await lab.listImages()).toEqual([fileId]);
  });

  it('is typed by its content, whatever was announced', async () => {
    const image = await makeImage('png', 'a.txt');

    const { body } = await lab.confirm(
      await lab.postDirectly({ ...image, mimeType: 'text/plain' }),
    );

    expect(body['contentType']).toBe('image/png');
  });

  it('can be confirmed once', async () => {
    const fileId = await lab.postDirectly(await makeImage('png', 'a.png'));
    await lab.confirm(fileId);

    const { status, body } = await lab.confirm(fileId);

    expect([status, body['errorCode']]).toEqual([404, 'UPLOAD_UNKNOWN']);
    expect(await lab.listImages()).toEqual([fileId]);
  });

  it('can be confirmed once its form is posted, not before', async () => {
    const image = await makeImage('png', 'a.png');
    const form = await lab.openDirectUpload(image);

    const early = await lab.confirm(form.fileId);
    await postWith(form, image);
    const late = await lab.confirm(form.fileId);

    expect([early.status, early.body['errorCode']]).toEqual([404, 'WX_CLOUD_FILE_NOT_FOUND']);
    expect(late.status).toBe(200);
  });

  it('can be confirmed again when the cloud did not respond', async () => {
    const fileId = await lab.postDirectly(await makeImage('png', 'a.png'));
    lab.emulator.faults.add({
      operation: 'download-links',
      effect: { kind: 'errcode', errcode: 45_009 },
    });

    expect((await lab.confirm(fileId)).status).toBe(503);
    expect((await lab.confirm(fileId)).status).toBe(200);
  });

  it.each([
    { what: 'of another environment', toId: () => 'cloud://other.b-1/images/a.png' },
    { what: 'of another folder', toId: (id: string) => id.replace('/images/', '/processed/') },
    { what: 'that is none', toId: () => 'images/a.png' },
  ])('rejects a file ID $what', async ({ toId }) => {
    const fileId = await lab.postDirectly(await makeImage('png', 'a.png'));

    const { status, body } = await lab.confirm(toId(fileId));

    expect([status, body['errorCode']]).toEqual([400, 'WX_CLOUD_FILE_ID_INVALID']);
  });

  it('rejects a file ID without a form, and a list', async () => {
    const fileId = await lab.postDirectly(await makeImage('png', 'a.png'));

    const unknown = await lab.confirm(`${fileId}x`);
    const list = await lab.confirm([fileId]);

    expect([unknown.status, unknown.body['errorCode']]).toEqual([404, 'UPLOAD_UNKNOWN']);
    expect([list.status, list.body['errorCode']]).toEqual([400, 'WX_CLOUD_FILE_ID_INVALID']);
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
    const fileId = await lab.postDirectly(await make());
    expect(lab.emulator.objects).toHaveLength(1);

    const { status, body } = await lab.confirm(fileId);

    expect([status, body['errorCode']]).toEqual(response);
    await until(() => lab.emulator.objects.length === 0, 'an empty cloud');
    expect(await lab.listImages()).toEqual([]);
  });
});

describe('an unconfirmed direct upload', () => {
  const QUARTER_MS = 15 * 60_000;
  const GRACE_MS = 60_000;

  /** Connections need the other timers as they are. */
  const passTimersOnly = (): void => {
    jest.useFakeTimers({
      advanceTimers: true,
      doNotFake: [
        'nextTick',
        'setImmediate',
        'clearImmediate',
        'queueMicrotask',
        'performance',
        'Date',
      ],
    });
  };

  afterEach(() => {
    jest.useRealTimers();
  });

  it('is deleted when its form expires, and cannot be confirmed afterwards', async () => {
    passTimersOnly();
    const fileId = await lab.postDirectly(await makeImage('png', 'a.png'));

    jest.advanceTimersByTime(QUARTER_MS - GRACE_MS);
    expect(lab.emulator.objects).toHaveLength(1);
    jest.advanceTimersByTime(2 * GRACE_MS);
    await until(() => lab.emulator.objects.length === 0, 'an empty cloud');

    expect((await lab.confirm(fileId)).status).toBe(404);
  });

  it('is deleted when its form expires after it was rejected and posted again', async () => {
    passTimersOnly();
    const file = await makeImage('png', 'a.png');
    const form = await lab.openDirectUpload(file);
    await postWith(form, { ...file, buffer: Buffer.from('a text') });
    await lab.confirm(form.fileId);
    await postWith(form, file);
    expect(lab.emulator.objects).toHaveLength(1);

    jest.advanceTimersByTime(QUARTER_MS + GRACE_MS);

    await until(() => lab.emulator.objects.length === 0, 'an empty cloud');
  });

  it('is kept when it was confirmed', async () => {
    passTimersOnly();
    const fileId = await lab.postDirectly(await makeImage('png', 'a.png'));
    await lab.confirm(fileId);

    jest.advanceTimersByTime(QUARTER_MS + GRACE_MS);
    await lab.listImages();

    expect(lab.emulator.objects.map(object => object.fileId)).toContain(fileId);
  });

  it('is deleted when the lab ends, and no timer remains', async () => {
    passTimersOnly();
    await lab.postDirectly(await makeImage('png', 'a.png'));

    await lab.close();
    const calls = lab.emulator.journal.length;
    jest.advanceTimersByTime(QUARTER_MS + GRACE_MS);

    expect(lab.emulator.objects).toEqual([]);
    expect(lab.emulator.journal).toHaveLength(calls);
  });
});

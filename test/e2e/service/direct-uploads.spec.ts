import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { WxCloudUploadForm } from '../../../lib/index.js';
import { startApplication, type TestApplication } from '../../support/application.js';
import { PNG, pngOfSize } from '../../support/forms.js';

const onOrphan = jest.fn<(fileIds: readonly string[]) => void>();
let application: TestApplication;
beforeAll(async () => {
  application = await startApplication({ options: { onOrphan } });
});
afterAll(() => application.close());
beforeEach(async () => {
  onOrphan.mockClear();
  await application.emulator.reset();
});

async function post({ url, fields }: WxCloudUploadForm, file: Uint8Array): Promise<number> {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  form.append('file', new Blob([new Uint8Array(file)]));
  return (await fetch(url, { method: 'POST', body: form })).status;
}
const GIF = Buffer.from('R0lGODlhAQABAAAAACwAAAAAAQABAAACAkQBADs=', 'base64');
const paths = () => application.emulator.objects.map(({ cloudPath }) => cloudPath);
/** The text with a different last character. */
const flip = (text: string): string => text.slice(0, -1) + (text.endsWith('A') ? 'B' : 'A');
const operations = () => application.emulator.journal.map(({ operation }) => operation);

describe('createUploadForm', () => {
  it('returns the fields of the protocol in order, without the file', async () => {
    const form = await application.storage.createUploadForm('direct/a.png');
    expect(Object.keys(form.fields)).toEqual([
      'key',
      'Signature',
      'x-cos-security-token',
      'x-cos-meta-fileid',
    ]);
    expect(form).toMatchObject({ cloudPath: 'direct/a.png', fields: { key: 'direct/a.png' } });
    expect(form.fileId).toMatch(/^cloud:\/\/.+\/direct\/a\.png$/);
    expect(paths()).toEqual([]);
  });

  it('returns the expiry of the form', async () => {
    const before = Math.floor(Date.now() / 1_000) * 1_000;
    const { expiresAt, fields } = await application.storage.createUploadForm('a');
    expect(fields['Signature']).toMatch(new RegExp(`;${expiresAt.getTime() / 1_000}&`));
    expect(expiresAt.getTime() - before).toBeGreaterThanOrEqual(899_000);
  });

  it.each([[''], ['photos/']])('generates an unguessable path below %j', async prefix => {
    const forms = [
      await application.storage.createUploadForm(prefix, { extension: 'png' }),
      await application.storage.createUploadForm(prefix, { extension: 'png' }),
    ];
    const keys = forms.map(({ fields }) => String(fields['key']));
    expect(keys[0]).toMatch(new RegExp(`^${prefix}\\d{4}/\\d\\d/\\d\\d/[\\da-f-]{36}\\.png$`));
    expect(new Set(keys).size).toBe(2);
    expect(forms.map(({ cloudPath }) => cloudPath)).toEqual(keys);
  });

  it('generates a random path without an argument', async () => {
    expect((await application.storage.createUploadForm()).cloudPath).toMatch(/^\d{4}\//);
  });

  it('lets a client store a file with the fixed type', async () => {
    const form = await application.storage.createUploadForm('a/', { contentType: 'image/png' });
    expect(await post(form, PNG)).toBe(204);
    expect(application.emulator.objects).toMatchObject([
      { fileId: form.fileId, contentType: 'image/png', fileIdAlive: true },
    ]);
  });

  it.each([
    ['/a', {}, 'WX_CLOUD_PATH_INVALID'],
    ['a/${filename}', {}, 'WX_CLOUD_PATH_INVALID'],
    ['a', { contentType: 'no type' }, 'WX_CLOUD_ARGUMENT_INVALID'],
  ])('rejects %j with %j before any call', async (path, options, code) => {
    await expect(application.storage.createUploadForm(path, options)).rejects.toMatchObject({
      code,
    });
    expect(operations()).toEqual([]);
  });

  it('retries when the cloud is busy', async () => {
    application.emulator.faults.add({
      operation: 'upload-link',
      effect: { kind: 'errcode', errcode: -1 },
    });
    await expect(application.storage.createUploadForm('a')).resolves.toMatchObject({
      cloudPath: 'a',
    });
  });
});

async function uploadForm(file: Uint8Array, path = 'direct/'): Promise<WxCloudUploadForm> {
  const form = await application.storage.createUploadForm(path);
  expect(await post(form, file)).toBe(204);
  return form;
}

async function upload(file: Uint8Array): Promise<string> {
  return (await uploadForm(file)).fileId;
}

describe('confirmUpload', () => {
  it('describes the file by its first bytes and reads no more', async () => {
    const file = pngOfSize(500_000);
    const fileId = await upload(file);
    expect(
      await application.storage.confirmUpload(fileId, { contentTypes: ['image/*'] }),
    ).toMatchObject({
      fileId,
      size: 500_000,
      contentType: 'image/png',
      etag: createHash('md5').update(file).digest('hex'),
    });
    const reading = application.emulator.journal.find(
      ({ operation }) => operation === 'get-object',
    );
    expect(reading).toMatchObject({ status: 206, responseBytes: 4_100 });
    expect(paths()).toHaveLength(1);
  });

  it('works when the storage ignores ranges', async () => {
    const fileId = await upload(pngOfSize(500_000));
    application.emulator.faults.add({ operation: 'get-object', effect: { kind: 'ignore-range' } });
    expect(await application.storage.confirmUpload(fileId)).toMatchObject({
      size: 500_000,
      contentType: 'image/png',
    });
  });

  it.each([[0], [1], [3], [4_099], [4_100], [4_101]])(
    'works for a file of %d bytes',
    async size => {
      const fileId = await upload(Buffer.alloc(size, 1));
      expect(await application.storage.confirmUpload(fileId)).toMatchObject({
        size,
        contentType: 'application/octet-stream',
      });
    },
  );

  it('asks detectContentType for the type of a text', async () => {
    const fileId = await upload(Buffer.from('a,b\n1,2\n'));
    const options = { contentTypes: ['text/csv'], detectContentType: () => 'text/csv' };
    expect(await application.storage.confirmUpload(fileId, options)).toMatchObject({
      contentType: 'text/csv',
    });
  });

  it('rejects a missing file with a not-found error', async () => {
    const { fileId } = await application.storage.createUploadForm('never');
    await expect(application.storage.confirmUpload(fileId)).rejects.toMatchObject({
      code: 'WX_CLOUD_FILE_NOT_FOUND',
    });
  });

  it('deletes nothing when it fails for another reason', async () => {
    const fileId = await upload(PNG);
    application.emulator.faults.add({
      operation: 'get-object',
      effect: { kind: 'status', status: 403 },
    });
    await expect(application.storage.confirmUpload(fileId)).rejects.toMatchObject({
      code: 'WX_CLOUD_DOWNLOAD_FAILED',
    });
    const detectContentType = (): never => {
      throw new TypeError('a bug');
    };
    const unknown = await upload(Buffer.from('text'));
    await expect(application.storage.confirmUpload(unknown, { detectContentType })).rejects.toThrow(
      'a bug',
    );
    expect(paths()).toHaveLength(2);
  });

  it.each([['image/*'], [[7]], [null]])('rejects %j as a list of types', async contentTypes => {
    const fileId = await upload(PNG);
    const options = { contentTypes } as never;
    await expect(application.storage.confirmUpload(fileId, options)).rejects.toMatchObject({
      code: 'WX_CLOUD_ARGUMENT_INVALID',
    });
    expect(paths()).toHaveLength(1);
  });
});

describe('confirmUpload of a file that breaks a rule', () => {
  const TOO_LARGE = { code: 'WX_CLOUD_FILE_TOO_LARGE', limitBytes: 1_000 };
  const SMALL = { maxBytes: 1_000 };

  it('deletes it with the ticket of its form', async () => {
    const { fileId, ticket } = await uploadForm(pngOfSize(1_001));
    await expect(
      application.storage.confirmUpload(fileId, { ...SMALL, ticket }),
    ).rejects.toMatchObject(TOO_LARGE);
    expect(paths()).toEqual([]);
  });

  it('deletes it for its type, whatever its name and claimed type', async () => {
    const form = await application.storage.createUploadForm('a.png', { contentType: 'image/png' });
    await post(form, Buffer.from('<script>alert(1)</script>'));
    const { fileId, ticket } = form;
    await expect(
      application.storage.confirmUpload(fileId, { ticket, contentTypes: ['image/*'] }),
    ).rejects.toMatchObject({ code: 'WX_CLOUD_TYPE_REFUSED' });
    expect(paths()).toEqual([]);
  });

  it.each([
    ['image/png;,text/html', PNG, 'its stored type is not a media type'],
    ['text/html', PNG, 'stored as text/html'],
    ['image/svg+xml', PNG, 'stored as image/svg+xml'],
    ['text/html', Buffer.from('<script>'), 'stored as text/html'],
    ['application/pdf', PNG, 'stored as application/pdf'],
    ['image/png', GIF, 'stored as image/png'],
  ])('deletes it when the client stores it as %s', async (type, file, said) => {
    const form = await application.storage.createUploadForm('a/', { contentType: 'image/png' });
    const { ticket, fileId, fields } = form;
    expect(await post({ ...form, fields: { ...fields, 'Content-Type': type } }, file)).toBe(204);
    const confirming = application.storage.confirmUpload(fileId, { ticket });
    await expect(confirming).rejects.toMatchObject({
      code: 'WX_CLOUD_TYPE_REFUSED',
      message: expect.stringContaining(said),
    });
    expect(paths()).toEqual([]);
  });

  it.each([
    ['application/octet-stream', PNG, undefined],
    ['image/png; charset=x', PNG, undefined],
    ['text/csv', Buffer.from('a,b'), undefined],
    ['text/html', Buffer.from('<p>'), () => 'text/html'],
    ['text/plain', Buffer.from('a,b'), () => 'text/csv'],
  ])('accepts a file that fits its stored type: %s', async (type, file, detectContentType) => {
    const form = await application.storage.createUploadForm('a/', { contentType: 'image/png' });
    const fields = { ...form.fields, 'Content-Type': type };
    expect(await post({ ...form, fields }, file)).toBe(204);
    const { ticket, fileId } = form;
    const confirming = application.storage.confirmUpload(fileId, { ticket, detectContentType });
    await expect(confirming).resolves.toMatchObject({ fileId });
  });

  it('rejects it without a ticket and keeps it', async () => {
    const { fileId } = await application.storage.upload('users/2/contract.pdf', '%PDF-1.7\n');
    await expect(
      application.storage.confirmUpload(fileId, { contentTypes: ['image/*'] }),
    ).rejects.toMatchObject({ code: 'WX_CLOUD_TYPE_REFUSED' });
    await expect(
      application.storage.confirmUpload(fileId, { maxBytes: 1, ticket: undefined }),
    ).rejects.toMatchObject({ code: 'WX_CLOUD_FILE_TOO_LARGE' });
    expect(paths()).toEqual(['users/2/contract.pdf']);
  });

  it.each([
    ['of another file', async () => (await uploadForm(PNG)).ticket],
    ['with another character', async (own: string) => flip(own)],
    ['cut short', async (own: string) => own.slice(0, -1)],
    ['of nothing', async () => ''],
    ['that is no text', async () => ({ length: 60 })],
    ['that is null', async () => null],
  ])('keeps it with a ticket %s', async (_, toTicket) => {
    for (const file of [PNG, pngOfSize(1_001)]) {
      const { fileId, ticket: own } = await uploadForm(file);
      const ticket = (await toTicket(String(own))) as never;
      const calls = operations().length;
      await expect(
        application.storage.confirmUpload(fileId, { ...SMALL, ticket }),
      ).rejects.toMatchObject({ code: 'WX_CLOUD_TICKET_REFUSED' });
      expect(operations()).toHaveLength(calls);
      expect(paths()).toContain(fileId.split('/').slice(3).join('/'));
    }
  });

  it('keeps it with an expired ticket', async () => {
    const { fileId, ticket, expiresAt } = await uploadForm(pngOfSize(1_001));
    const clock = jest.spyOn(Date, 'now').mockReturnValue(expiresAt.getTime() + 900_000);
    await expect(
      application.storage.confirmUpload(fileId, { ...SMALL, ticket }),
    ).rejects.toMatchObject(TOO_LARGE);
    await expect(application.storage.confirmUpload(fileId, { ticket })).resolves.toMatchObject({
      fileId,
    });
    clock.mockRestore();
    expect(paths()).toHaveLength(1);
  });

  it('deletes it until 15 minutes after the form expires', async () => {
    const { fileId, ticket, expiresAt } = await uploadForm(pngOfSize(1_001));
    const clock = jest.spyOn(Date, 'now').mockReturnValue(expiresAt.getTime() + 899_000);
    await expect(
      application.storage.confirmUpload(fileId, { ...SMALL, ticket }),
    ).rejects.toMatchObject(TOO_LARGE);
    clock.mockRestore();
    expect(paths()).toEqual([]);
  });

  it.each([
    ['with its ticket', (ticket: string | undefined) => ({ ticket })],
    ['without one', () => ({})],
  ])('keeps it when it was confirmed before, %s', async (_, optionsWith) => {
    const form = await uploadForm(PNG);
    const { fileId, ticket } = form;
    await application.storage.confirmUpload(fileId, optionsWith(ticket));
    expect(await post(form, pngOfSize(1_001))).toBe(204);
    await expect(
      application.storage.confirmUpload(fileId, { ...SMALL, ticket }),
    ).rejects.toMatchObject(TOO_LARGE);
    expect(paths()).toHaveLength(1);
  });

  it.each([[[SMALL, {}]], [[{}, SMALL]], [[SMALL, SMALL, {}, SMALL]]])(
    'never both confirms and deletes a file in concurrent calls: %j',
    async rules => {
      const { fileId, ticket } = await uploadForm(pngOfSize(1_001));
      const calls = rules.map(rule =>
        application.storage.confirmUpload(fileId, { ...rule, ticket }),
      );
      const outcomes = await Promise.allSettled(calls);
      const isConfirmed = outcomes.some(({ status }) => status === 'fulfilled');
      expect(paths().length > 0).toBe(isConfirmed);
    },
  );

  it('reports it when it cannot be deleted', async () => {
    const { fileId, ticket } = await uploadForm(PNG);
    application.emulator.faults.add({
      operation: 'delete-files',
      effect: { kind: 'item', status: -503002, errmsg: 'no permission' },
    });
    await expect(
      application.storage.confirmUpload(fileId, { maxBytes: 1, ticket }),
    ).rejects.toMatchObject({ code: 'WX_CLOUD_FILE_TOO_LARGE' });
    expect(onOrphan.mock.calls).toEqual([[[fileId]]]);
  });
});

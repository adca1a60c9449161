import { beforeEach, describe, expect, it } from '@jest/globals';
import { postWith, useLabServer } from '../../support/image-lab/lab-server.js';
import { fetchDimensions, makeImage } from '../../support/image-lab/pictures.js';

const lab = useLabServer();
let fileId: unknown;

beforeEach(async () => {
  const { body } = await lab.upload(await makeImage('png', 'a.png'));
  fileId = body['fileId'];
});

/** The requests that the cloud got about an image. */
async function readRequests(id: unknown): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const { body } = await lab.get(requestsAbout(id));
  return body['requests'] as readonly Readonly<Record<string, unknown>>[];
}

function requestsAbout(id: unknown): string {
  return `/api/requests?${String(new URLSearchParams({ fileId: String(id) }))}`;
}

describe('the requests of an image', () => {
  it('distinguish the page from the application', async () => {
    const form = await lab.openDirectUpload(await makeImage('png', 'a.png'));
    await postWith(form, await makeImage('png', 'a.png'), { Origin: lab.url });
    await lab.confirm({ ...form, name: 'a.png' });

    const requests = await readRequests(form.fileId);
    const senders = requests.map(({ operation, sender }) => `${operation} ${sender}`);
    expect(senders.slice(0, 3)).toEqual([
      'upload-link application',
      'post-object browser',
      'download-links application',
    ]);
  });

  it('are the newest 50 when a form was posted again and again', async () => {
    const image = await makeImage('png', 'a.png', 10);
    const form = await lab.openDirectUpload(image);
    for (let count = 0; count < 50; count += 1) await postWith(form, image);
    await lab.confirm({ ...form, name: 'a.png' });

    const requests = await readRequests(form.fileId);

    expect(requests).toHaveLength(50);
    expect(requests[0]?.['operation']).toBe('post-object');
    expect(requests.at(-1)?.['operation']).toBe('download-links');
  });

  it('are not listed for files outside the gallery', async () => {
    const unknown = await lab.get(requestsAbout(`${String(fileId)}x`));
    const thumbnail = String(fileId).replace('/images/', '/thumbnails/');
    const elsewhere = await lab.get(requestsAbout(thumbnail));

    expect([unknown.status, unknown.body['errorCode']]).toEqual([404, 'IMAGE_UNKNOWN']);
    expect([elsewhere.status, elsewhere.body['errorCode']]).toEqual([
      400,
      'WX_CLOUD_FILE_ID_INVALID',
    ]);
  });
});

describe('the deletion of several images', () => {
  it.each([
    { what: 'an empty list', toIds: () => [], errorCode: 'DELETION_INVALID' },
    {
      what: '61 file IDs',
      toIds: (id: string) => Array(61).fill(id),
      errorCode: 'DELETION_INVALID',
    },
    { what: 'no list', toIds: () => undefined, errorCode: 'WX_CLOUD_FILE_ID_INVALID' },
    {
      what: 'one of another folder',
      toIds: (id: string) => [id, id.replace('/images/', '/thumbnails/')],
      errorCode: 'WX_CLOUD_FILE_ID_INVALID',
    },
  ])('deletes nothing when it is given $what', async ({ toIds, errorCode }) => {
    const response = await lab.post('/api/images/delete', { fileIds: toIds(String(fileId)) });

    expect([response.status, response.body['errorCode']]).toEqual([400, errorCode]);
    expect(await lab.listImages()).toEqual([fileId]);
  });
});

describe('an image of the gallery', () => {
  it('is whole in its thumbnail', async () => {
    const { body } = await lab.upload(await makeImage('jpeg', 'wide.jpg', 1_280));

    expect(await fetchDimensions(String(body['thumbnailUrl']))).toEqual([640, 150]);
  });
});

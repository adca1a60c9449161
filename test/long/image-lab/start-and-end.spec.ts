import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterAll, describe, expect, it } from '@jest/globals';
import { cleanUpSamples, runSample, startSample } from '../../support/sample-process.js';

afterAll(cleanUpSamples);

describe('the start and end of the image lab', () => {
  it('ends on Ctrl-C silently and leaves no file', async () => {
    const sample = await startSample();

    expect(await sample.stop()).toEqual({ code: null, stderr: '', leftovers: [] });
  });

  it('says that it uses WeChat when it has the credentials', async () => {
    const { url } = await startSample({
      WX_APPID: 'wx1',
      WX_SECRET: 'hidden',
      WX_ENV_ID: 'prod-1',
    });

    const mode = (await (await fetch(`${url}/api/mode`)).json()) as object;

    expect(mode).toMatchObject({
      mode: 'wechat',
      env: 'prod-1',
      showsRequests: false,
      takesCos: false,
    });
    expect(JSON.stringify(mode)).not.toContain('hidden');
  });

  it('takes keys of the bucket for WeChat, and never shows them', async () => {
    const { url } = await startSample({
      WX_APPID: 'wx1',
      WX_SECRET: 'hidden',
      WX_ENV_ID: 'prod-1',
      WX_COS_BUCKET: '7072-prod-1-1300000000',
      WX_COS_SECRET_ID: 'hidden',
      WX_COS_SECRET_KEY: 'hidden',
    });

    const mode = (await (await fetch(`${url}/api/mode`)).json()) as object;

    expect(mode).toMatchObject({ mode: 'wechat', takesCos: true });
    expect(JSON.stringify(mode)).not.toContain('hidden');
  });

  it.each([
    { variables: { PORT: 'http' }, line: /^PORT is "http", .+ PORT=3000\.\n$/ },
    { variables: { PORT: '65536' }, line: /^PORT is "65536", .+\n$/ },
    { variables: { PORT: '-1' }, line: /^PORT is "-1", .+\n$/ },
    { variables: { ALLOWED_HOSTS: 'http://a.example' }, line: /^ALLOWED_HOSTS is .+\n$/ },
    { variables: { ALLOWED_HOSTS: 'a.example:80' }, line: /^ALLOWED_HOSTS is .+\n$/ },
    {
      variables: { WX_APPID: 'wx1', WX_ENV_ID: 'prod-1' },
      line: /^WX_SECRET is missing: .+ unset WX_APPID and WX_ENV_ID .+\n$/,
    },
    {
      variables: { WX_SECRET: 'hidden' },
      line: /^WX_APPID and WX_ENV_ID are missing: (?!.*hidden).+\n$/,
    },
    {
      variables: {
        WX_APPID: 'wx1',
        WX_SECRET: 'hidden',
        WX_ENV_ID: 'prod-1',
        WX_COS_SECRET_KEY: 'hidden',
      },
      line: /^WX_COS_BUCKET and WX_COS_SECRET_ID are missing: (?!.*hidden).+ unset WX_COS_SECRET_KEY .+\n$/,
    },
    {
      variables: { WX_APPID: 'wx1', WX_SECRET: 'hidden', WX_ENV_ID: 'two words' },
      line: /^The image lab could not start: (?!.*hidden).*env.*\n$/,
    },
  ])('says in one line what is wrong with $variables', async ({ variables, line }) => {
    expect(await runSample(variables)).toEqual({
      code: 1,
      stderr: expect.stringMatching(line),
      leftovers: [],
    });
  });

  it('says in one line that its port is in use', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };

    const end = await runSample({ PORT: String(port) });
    server.close();

    expect(end).toEqual({
      code: 1,
      stderr: expect.stringMatching(new RegExp(`^Port ${port} on 127.0.0.1 is taken: .+\\n$`)),
      leftovers: [],
    });
  });
});

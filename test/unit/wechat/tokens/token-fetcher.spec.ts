import { describe, expect, it } from '@jest/globals';
import { type ResolvedTokenCallAuth, Secret } from '../../../../lib/options/resolved-options.js';
import { ForcedRefreshBudget, TokenFetcher } from '../../../../lib/wechat/tokens/token-fetcher.js';
import { JsonApi } from '../../../../lib/wechat/wechat-api.js';
import { NEVER, openTransport, readRequest, serve } from '../../support/server.js';

interface Setup {
  readonly fetcher: TokenFetcher;
  /** True for each call that was forced, in order. */
  readonly calls: boolean[];
  pass(ms: number): void;
}

/** A stable token call that returns the same token until a new one is forced. */
async function setUp(type: ResolvedTokenCallAuth['type']): Promise<Setup> {
  let [current, nowMs] = [1, 0];
  const calls: boolean[] = [];
  const url = await serve(async (request, response) => {
    const { body } = await readRequest(request);
    const isForced = body.includes('"force_refresh":true');
    calls.push(isForced);
    current += Number(isForced);
    response.end(JSON.stringify({ access_token: `t${current}`, expires_in: 7_200 }));
  });
  const auth = { type, appid: 'wx1', secret: new Secret('s'), store: undefined };
  const api = new JsonApi(openTransport(), url);
  const clock = (): number => nowMs;
  const fetcher = new TokenFetcher(api, auth, clock, new ForcedRefreshBudget(clock));
  return { fetcher, calls, pass: ms => void (nowMs += ms) };
}

describe('TokenFetcher', () => {
  it('does not force a token when the response differs from the rejected one', async () => {
    const { fetcher, calls } = await setUp('stable-token');
    for (const rejected of [undefined, 'older'])
      expect(await fetcher.fetch({ rejected: rejected, held: undefined }, NEVER)).toMatchObject({
        accessToken: 't1',
      });
    expect(calls).toEqual([false, false]);
  });

  it('forces a new token when the stable call returns the rejected one again', async () => {
    const { fetcher, calls } = await setUp('stable-token');
    expect(await fetcher.fetch({ rejected: 't1', held: undefined }, NEVER)).toMatchObject({
      accessToken: 't2',
      expiresInSeconds: 7_200,
    });
    expect(calls).toEqual([false, true]);
  });

  it('forces one token in 30 seconds at most, and returns the rejected one meanwhile', async () => {
    const { fetcher, calls, pass } = await setUp('stable-token');
    await fetcher.fetch({ rejected: 't1', held: undefined }, NEVER);
    pass(29_999);
    expect(await fetcher.fetch({ rejected: 't2', held: undefined }, NEVER)).toMatchObject({
      accessToken: 't2',
    });
    pass(1);
    expect(await fetcher.fetch({ rejected: 't2', held: undefined }, NEVER)).toMatchObject({
      accessToken: 't3',
    });
    expect(calls).toEqual([false, true, false, false, true]);
  });

  it('never forces a classic token, as each one is new', async () => {
    const { fetcher, calls } = await setUp('access-token');
    expect(await fetcher.fetch({ rejected: 't1', held: undefined }, NEVER)).toMatchObject({
      accessToken: 't1',
    });
    expect(calls).toEqual([false]);
  });
});

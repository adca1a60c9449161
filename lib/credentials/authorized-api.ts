import type { JsonApi } from '../transport/index.js';
import { isTokenRejection, type AccessTokenCache } from './access-token-cache.js';

/** One call of a JSON API that wants a credential. */
export interface AuthorizedCall {
  /** The path, e.g. `/tcb/uploadfile`. */
  readonly endpoint: string;
  /** Sent as JSON. */
  readonly body: unknown;
  /** Ends the call. */
  readonly signal: AbortSignal;
}

/** Calls WeChat's JSON API with the instance's credential. */
export class AuthorizedApi {
  readonly #api: JsonApi;
  readonly #tokens: AccessTokenCache;

  /** Puts a token into every call of `api`. */
  constructor(api: JsonApi, tokens: AccessTokenCache) {
    this.#api = api;
    this.#tokens = tokens;
  }

  /**
   * Makes one call. A refused token is renewed once, together with all callers that hold it, and the call repeated.
   * @throws {@link WxCloudStorageError} as {@link JsonApi.call} does; `WX_CLOUD_TOKEN_REJECTED` when the renewed token is refused too
   */
  async post(call: AuthorizedCall): Promise<unknown> {
    const token = await this.#tokens.get(call.signal);
    try {
      return await this.#send(call, token);
    } catch (error) {
      if (!isTokenRejection(error)) throw error;
      this.#tokens.invalidate(token);
    }
    return this.#send(call, await this.#tokens.get(call.signal));
  }

  #send({ endpoint, body, signal }: AuthorizedCall, token: string): Promise<unknown> {
    return this.#api.call({
      endpoint,
      method: 'POST',
      query: { access_token: token },
      body,
      signal,
    });
  }
}

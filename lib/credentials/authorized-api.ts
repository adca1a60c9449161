import { isTokenRejection, type JsonApi } from '../transport/index.js';
import type { Credential } from './credential.js';

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
  readonly #credential: Credential;

  /** Puts the credential into every call of `api`. */
  constructor(api: JsonApi, credential: Credential) {
    this.#api = api;
    this.#credential = credential;
  }

  /**
   * Makes one call. A refused token is renewed once, together with all callers that hold it, and the call repeated.
   * @throws {@link WxCloudStorageError} as {@link JsonApi.call} does; `WX_CLOUD_TOKEN_REJECTED` when the renewed token is refused too
   */
  async post(call: AuthorizedCall): Promise<unknown> {
    const { tokens } = this.#credential;
    if (tokens === undefined) return this.#send(call, '');
    const token = await tokens.get(call.signal);
    try {
      const answer = await this.#send(call, token);
      tokens.confirm();
      return answer;
    } catch (error) {
      if (!isTokenRejection(error)) throw error;
      tokens.invalidate(token);
    }
    const answer = await this.#send(call, await tokens.get(call.signal));
    tokens.confirm();
    return answer;
  }

  #send({ endpoint, body, signal }: AuthorizedCall, token: string): Promise<unknown> {
    const query = this.#credential.toQuery(token);
    return this.#api.call({ endpoint, method: 'POST', query, body, signal });
  }
}

import { WxCloudStorageError } from '../../errors/errors.js';

/** Where the tokens come from. */
export interface AccessTokens {
  /** A token that is good now; undefined where calls go without. */
  get(): Promise<string | undefined>;
  /** Drops a token that was refused. */
  invalidate(rejected: string): void;
}

/** Gives the access token of one instance, for calling any other WeChat API with it. Injectable. */
export class WxAccessTokenProvider {
  readonly #tokens: AccessTokens;

  /** @internal Made by the module. */
  constructor(tokens: AccessTokens) {
    this.#tokens = tokens;
  }

  /**
   * An access token that is good now. Callers share one fetch; the token is renewed before it
   * expires. Ask for it right before each use and do not keep it.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_CREDENTIAL_REFUSED` when WeChat refuses the
   * AppID, the AppSecret or this address; `WX_CLOUD_CREDENTIAL_UNAVAILABLE` when there is none to
   * be had; `WX_CLOUD_QUOTA_EXCEEDED`; `WX_CLOUD_CONNECTION_FAILED`; `WX_CLOUD_REQUEST_TIMED_OUT`;
   * `WX_CLOUD_STORAGE_CLOSED` once the application is closed
   */
  async getAccessToken(): Promise<string> {
    const token = await this.#tokens.get();
    if (token !== undefined) return token;
    throw new WxCloudStorageError({
      code: 'WX_CLOUD_CREDENTIAL_UNAVAILABLE',
      message:
        "There is no access token with auth 'open-api-service': call http://api.weixin.qq.com without one, and the sidecar adds the credential.",
    });
  }

  /**
   * Says that WeChat refused a token (40001, 40014 or 42001), so that the next call fetches
   * another. A newer token that has taken its place meanwhile is kept: any number of callers may
   * report the same token.
   */
  invalidate(rejected: string): void {
    this.#tokens.invalidate(rejected);
  }
}

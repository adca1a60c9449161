import { WxCloudStorageError } from '../../errors/errors.js';

/** Source of the tokens. */
export interface AccessTokens {
  /** Returns a valid token; undefined where calls go without. */
  get(): Promise<string | undefined>;
  /** Drops a refused token. */
  invalidate(rejected: string): void;
}

/**
 * Provides the access token of one instance, for calls of any other WeChat API. Injectable.
 * @example
 * ```ts
 * import { Injectable } from '@nestjs/common';
 * import { WxAccessTokenProvider } from 'nestjs-wx-cloud-storage';
 *
 * @Injectable()
 * export class PhoneNumbers {
 *   constructor(private readonly tokens: WxAccessTokenProvider) {}
 *
 *   async find(code: string): Promise<unknown> {
 *     const token = await this.tokens.getAccessToken();
 *     const response = await fetch(
 *       `https://api.weixin.qq.com/wxa/business/getuserphonenumber?access_token=${token}`,
 *       { method: 'POST', body: JSON.stringify({ code }) },
 *     );
 *     const result = (await response.json()) as { errcode?: number };
 *     if ([40001, 40014, 42001].includes(result.errcode ?? 0)) this.tokens.invalidate(token);
 *     return result;
 *   }
 * }
 * ```
 */
export class WxAccessTokenProvider {
  readonly #tokens: AccessTokens;

  /** @internal Made by the module. */
  constructor(tokens: AccessTokens) {
    this.#tokens = tokens;
  }

  /**
   * Returns a valid access token. Callers share one fetch; the token is renewed before it expires.
   * Call it right before each use, and do not keep the token.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_CREDENTIAL_REFUSED` when WeChat refuses the
   * AppID, the AppSecret or this address; `WX_CLOUD_CREDENTIAL_UNAVAILABLE` when no token is
   * available; `WX_CLOUD_QUOTA_EXCEEDED`; `WX_CLOUD_CONNECTION_FAILED`;
   * `WX_CLOUD_REQUEST_TIMED_OUT`; `WX_CLOUD_STORAGE_CLOSED` once the application is closed
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
   * Reports that WeChat has refused a token (40001, 40014 or 42001), so that the next call fetches
   * another. A newer token that has replaced it meanwhile is kept: any number of callers may report
   * the same token.
   */
  invalidate(rejected: string): void {
    this.#tokens.invalidate(rejected);
  }
}

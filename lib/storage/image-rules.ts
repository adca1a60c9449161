import { WxCloudStorageError } from '../errors/index.js';

/** What rules are written with; nothing that would end the query, or start another parameter. */
const RULES = /^[A-Za-z][\w.-]*\/[\w!$'()*+,\-./:;=@|~^%]*$/;

/** Makes sure that image rules are some. @throws {@link WxCloudStorageError} `WX_CLOUD_ARGUMENT_INVALID` */
export function assertImageRules(rules: string | undefined): void {
  if (rules === undefined || (typeof rules === 'string' && RULES.test(rules))) return;
  throw new WxCloudStorageError({
    code: 'WX_CLOUD_ARGUMENT_INVALID',
    message:
      'imageRules must be one text such as imageMogr2/thumbnail/640x, several rules joined with |. Leave it out for the image as it is.',
  });
}

/**
 * Adds image rules to a link. They are a parameter without a value, whose slashes and exclamation marks have to stay as they
 * are; the signature does not cover them.
 * @see https://cloud.tencent.com/document/product/876/49182
 */
export function addImageRules(url: string, rules: string | undefined): string {
  if (rules === undefined) return url;
  return `${url}${url.includes('?') ? '&' : '?'}${rules}`;
}

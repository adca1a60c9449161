import { OptionsInvalidError } from '../errors/index.js';
import type { ResolvedAuth } from './resolved-options.js';
import { isLoopback } from './validation.js';

const HOST = 'api.weixin.qq.com';
const OPTION = 'apiBaseUrl';

/** Checks where WeChat's API is. @throws {@link OptionsInvalidError} */
export function resolveApiBaseUrl(value: unknown, authType: ResolvedAuth['type']): string {
  const isOpenApi = authType === 'open-api-service';
  const protocol = isOpenApi ? 'http:' : 'https:';
  if (value === undefined) return `${protocol}//${HOST}`;
  const remedy = `Leave it out for WeChat itself, or give e.g. ${protocol}//gateway.example.`;
  // URL.canParse first: the error of new URL() would carry the value.
  if (typeof value !== 'string' || !URL.canParse(value)) {
    throw new OptionsInvalidError({ option: OPTION, expected: `an ${protocol} address`, remedy });
  }
  const url = new URL(value);
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw new OptionsInvalidError({
      option: OPTION,
      expected: 'an address without user, query or fragment',
      remedy,
    });
  }
  if (isOpenApi) assertPlain(url);
  else assertSafe(url, remedy);
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '');
}

/** The sidecar answers https as well, with a certificate of its own that nothing can verify. */
function assertPlain({ protocol }: URL): void {
  if (protocol === 'http:') return;
  throw new OptionsInvalidError({
    option: OPTION,
    expected:
      "an http: address for auth 'open-api-service', as the sidecar in the container is called over plain http; over https: it shows a certificate that cannot be verified",
    remedy: `Leave it out for http://${HOST}.`,
  });
}

function assertSafe(url: URL, remedy: string): void {
  if (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url))) return;
  const isPlain = url.protocol === 'http:';
  throw new OptionsInvalidError({
    option: OPTION,
    expected: isPlain
      ? 'an https: address, as the app secret and tokens travel to it (http: is for loopback, and for auth open-api-service)'
      : 'an https: address',
    remedy: isPlain ? 'Use https:.' : remedy,
  });
}

import { isLoopback } from '../options/index.js';

const ADDRESS = /^(?<origin>https?:\/\/[^/?#\\]+)(?<rest>\/.*)$/is;

/**
 * Turns a link as WeChat answers it into an ASCII address; empty when it is none that may be used.
 * No document says whether the path in a link is encoded, and Tencent's own SDKs apply `encodeURI`
 * to it. So a link that spells the cloud path to the letter is taken for raw and encoded here: read
 * as it stands, `a%20b.png` would be `a b.png`. For a path that holds a `%` no encoded link looks
 * like that; any other path means the same in both forms.
 */
export function toLinkUrl(link: string, cloudPath: string): string {
  const text = encodeRawLink(link, cloudPath) ?? link;
  if (!URL.canParse(text)) return '';
  const url = new URL(text);
  const isSafe = url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url));
  if (!isSafe || url.username !== '' || url.password !== '') return '';
  url.hash = '';
  return url.href;
}

function encodeRawLink(link: string, cloudPath: string): string | undefined {
  const { origin, rest = '' } = ADDRESS.exec(link)?.groups ?? {};
  const spelled = `/${cloudPath}`;
  for (let at = rest.indexOf(spelled); at >= 0; at = rest.indexOf(spelled, at + 1)) {
    const prefix = rest.slice(0, at);
    const query = rest.slice(at + spelled.length);
    if (/[?#]/.test(prefix)) return undefined;
    if (query === '' || query.startsWith('?')) return origin + prefix + encodePath(spelled) + query;
  }
  return undefined;
}

/** As the SDKs do, but for the two characters that would end the path. */
function encodePath(path: string): string {
  return encodeURI(path).replaceAll('?', '%3F').replaceAll('#', '%23');
}

import { OptionsInvalidError } from '../errors/index.js';

/** Texts and data that no browser runs, or shows as a page. */
const HARMLESS = words(
  'txt text log csv tsv md markdown json jsonl ndjson geojson yaml yml toml ini srt vtt ics vcf',
);
/** Formats that browsers, servers or desktops may run, or take for a page or a style of one. */
const ACTIVE = words(
  'htm html xhtml xht shtm shtml dhtml htc hta mht mhtml svg svgz xml xsl xslt xsd dtd rdf rss atom mathml ' +
    'js mjs cjs jsx ts mts cts tsx css wasm swf xap appcache manifest crx ' +
    'php php3 php4 php5 php7 php8 phtml pht phar phps asp aspx asa asax ascx ashx asmx cer jsp jspx cfm cgi pl py rb ' +
    'lua sh bash zsh csh ksh bat cmd com exe msi msp scr pif dll sys ps1 psm1 vb vbs vbe wsf wsh jse jar war class ' +
    'app dmg pkg deb rpm apk ipa lnk url desktop reg inf htaccess',
);
const EXTENSION = /^[a-z\d]{1,8}$/;

/** Which extensions of clients' names are kept. */
export type KeepExtension = boolean | readonly string[];

/**
 * Checks the option.
 * @throws {@link OptionsInvalidError} for extensions that may be run or shown as a page
 */
export function assertKeepExtension(option: KeepExtension | undefined): void {
  if (option === undefined || typeof option === 'boolean') return;
  if (Array.isArray(option) && option.every(isKeepable)) return;
  throw new OptionsInvalidError({
    option: 'keepExtension',
    expected:
      'true, false, or a list of extensions of 1 to 8 small letters and digits, none of which can be run or shown as a page',
    remedy: "Write keepExtension: ['txt', 'csv'], or leave it out.",
  });
}

/**
 * The extension of a client's name that may be kept, in lower case and without the dot; undefined
 * when it has none, or not a wanted one.
 */
export function keptExtension(name: string, option: KeepExtension | undefined): string | undefined {
  if (option === undefined || option === false) return undefined;
  const dot = name.lastIndexOf('.');
  const extension = name.slice(dot + 1).toLowerCase();
  const isWanted = option === true ? HARMLESS.has(extension) : option.includes(extension);
  return dot > 0 && isWanted ? extension : undefined;
}

function isKeepable(extension: unknown): boolean {
  return typeof extension === 'string' && EXTENSION.test(extension) && !ACTIVE.has(extension);
}

function words(text: string): ReadonlySet<string> {
  return new Set(text.split(' '));
}

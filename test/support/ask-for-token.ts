import type { WxCloudEmulator } from '../../lib/emulator/index.js';

/**
 * Asks for a token as a central server of the application does. Everybody who asks gets the same
 * one, until it expires.
 */
export async function askForToken({ options }: WxCloudEmulator): Promise<string> {
  const { appid, secret, apiBaseUrl } = options;
  const response = await fetch(`${apiBaseUrl}/cgi-bin/stable_token`, {
    method: 'POST',
    body: JSON.stringify({ grant_type: 'client_credential', appid, secret }),
  });
  return ((await response.json()) as { access_token: string }).access_token;
}

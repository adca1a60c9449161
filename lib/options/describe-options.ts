import type { ResolvedOptions } from './resolved-options.js';

/**
 * Says in one line what an instance works with, for the log: nothing secret, of addresses the host.
 */
export function describeOptions(options: ResolvedOptions, name: string | undefined): string {
  const { env, auth, apiBaseUrl, isFromEnvironment } = options;
  return [
    `env=${env}`,
    `auth=${auth.type}`,
    `api=${new URL(apiBaseUrl).host}`,
    ...(name === undefined ? [] : [`instance=${name}`]),
    ...(isFromEnvironment ? ['source=environment'] : []),
  ].join(' ');
}
